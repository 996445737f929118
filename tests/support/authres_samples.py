"""Authentication-Results as the big receivers write them."""

SEEN = {
    "gmail": (
        'mx.google.example; dkim=pass header.i=@bayside.example header.s=s1 header.b="aB/c=";\r\n'
        " spf=pass (google.example: domain of zack@bayside.example designates 192.0.2.1 as"
        " permitted sender) smtp.mailfrom=zack@bayside.example;\r\n"
        " dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=bayside.example"
    ),
    "microsoft 365": (
        "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=bayside.example; dkim=pass (signature"
        " was verified) header.d=bayside.example;dmarc=pass action=none"
        " header.from=bayside.example;compauth=pass reason=100"
    ),
    "fastmail": (
        "mx3.messagingengine.example; arc=none (no signatures found);\n dkim=pass (2048-bit rsa"
        " key sha256) header.d=bayside.example header.i=@bayside.example header.b=Ab12;\n"
        " dmarc=pass policy.published-domain-policy=none header.from=bayside.example"
    ),
    "opendmarc": "mx.desk.example; dmarc=pass (p=none dis=none) header.from=bayside.example",
    "rspamd": (
        "mx.desk.example;\n\tdkim=pass header.d=bayside.example header.s=k header.b=Zz;\n"
        '\tdmarc=pass (policy=none) header.from=bayside.example;\n\tspf=pass (mx: "x; dmarc=fail")'
        " smtp.mailfrom=a@bayside.example"
    ),
    "exim": (
        "mx.desk.example; iprev=pass (a.example) smtp.remote-ip=192.0.2.1;"
        " dkim=pass header.d=bayside.example; dmarc = pass header.from = bayside.example"
    ),
}
