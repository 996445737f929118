"""Say why a file should not be handed on: a program, a disguise, an archive that hides something.

Only names, first bytes and the directory of a zip are examined; nothing is unpacked. An empty
text does not promise that a file is harmless.
"""

from __future__ import annotations

from intake.mail.mime.zip_directory import ZipError, entries

PROGRAMS = frozenset(
    (
        "application/vnd.microsoft.portable-executable",
        "application/x-executable",
        "application/x-mach-binary",
        "application/java-vm",
        "application/java-archive",
        "application/x-ms-shortcut",
        "application/vnd.ms-htmlhelp",
        "application/vnd.ms-office.macroenabled",
    )
)
ENDINGS = frozenset(
    (
        *("exe", "com", "scr", "pif", "cpl", "msi", "msp", "dll", "sys", "drv", "ocx", "gadget"),
        *("bat", "cmd", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "ps1", "psm1", "reg"),
        *("lnk", "url", "scf", "inf", "chm", "hlp", "jar", "class", "apk", "app", "desktop"),
        *("docm", "xlsm", "pptm", "dotm", "xltm", "xlam", "ppam", "sldm", "xll", "one"),
        *("iso", "img", "vhd", "vhdx", "appx", "msix", "application", "library-ms", "website"),
    )
)
MAX_ENTRIES = 10_000
MAX_RATIO = 200  # unpacked to packed size of a whole archive
MAX_UNPACKED = 2 * 2**30


def risk(name: str, declared: str, detected: str, data: bytes) -> str:
    """Return the reason in one phrase, or an empty text."""
    if detected in PROGRAMS:
        kind = "it holds macros" if "macro" in detected else "it is a program"
        return f"{kind}, declared as {declared}" if _disguised(declared) else kind
    if _ending(name) in ENDINGS:
        return f"files that end in .{_ending(name)} can run"
    if detected == "application/zip" or data.startswith(b"PK\x03\x04"):
        return _archive(data)
    return ""


def _disguised(declared: str) -> bool:
    return declared.partition("/")[0] in ("image", "text", "audio", "video") or declared in (
        "application/pdf",
        "application/rtf",
    )


def _ending(name: str) -> str:
    return name.rstrip(". ").rpartition(".")[2].lower() if "." in name else ""


def _archive(data: bytes) -> str:
    """Return what is wrong with the entries in the directory of a zip."""
    try:
        found = entries(data, MAX_ENTRIES)
    except ZipError as error:
        return f"its archive {error}"
    if any(entry.encrypted for entry in found):
        return "its archive is encrypted and cannot be looked into"
    unpacked = sum(entry.size for entry in found)
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(1, len(data)):
        return "its archive unpacks to far more than its size"
    bad = next((entry for entry in found if _ending(entry.name) in ENDINGS), None)
    if bad is not None:
        return f"its archive holds a .{_ending(bad.name)} file"
    outside = any(
        entry.name.startswith(("/", "\\")) or ".." in entry.name.replace("\\", "/").split("/")
        for entry in found
    )
    return "its archive names places outside itself" if outside else ""
