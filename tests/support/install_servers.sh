#!/bin/sh
# The real servers that some tests start for themselves on loopback. Nothing is started here.
set -u
missing=""
have() { [ -x "$1" ] || [ -x "/usr/sbin/$2" ] || command -v "$2" >/dev/null 2>&1; }
[ -x /usr/lib/dovecot/imap ] || missing="$missing dovecot-imapd"
[ -x /usr/lib/dovecot/lmtp ] || missing="$missing dovecot-lmtpd"
have /usr/sbin/smtp-sink smtp-sink || missing="$missing postfix"
have /usr/sbin/clamd clamd || missing="$missing clamav-daemon"
have /usr/sbin/opendkim opendkim || missing="$missing opendkim"
have /usr/sbin/opendmarc opendmarc || missing="$missing opendmarc"
have /usr/bin/systemd-analyze systemd-analyze || missing="$missing systemd"
have /usr/bin/groff groff || missing="$missing groff-base"
have /usr/bin/chromium chromium || missing="$missing chromium fonts-liberation"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests:$missing"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    # services must not start by themselves
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1; }
    if apt-get update >"$log" 2>&1 && apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; then
        [ "${made:-}" = 1 ] && rm -f "$policy"
        rm -f "$log"
        exit 0
    fi
    [ "${made:-}" = 1 ] && rm -f "$policy"
    tail -5 "$log"
    rm -f "$log"
fi
if [ "${INTAKE_REQUIRE_SERVERS:-}" = 1 ]; then
    echo "these packages are required for the tests and could not be installed:$missing" >&2
    exit 1
fi
echo "not installed:$missing — the tests that need them are left out (run as root on Debian to have them installed)"
