# Comes before every role's setup: what set-ups share. Sourced by `sh` as root in the node.
set -eu
umask 022
PATH=/opt/gbo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
DEBIAN_FRONTEND=noninteractive
export PATH DEBIAN_FRONTEND

# An image bears the name of the machine on which it was built; a container is called as the guides call it.
if [ "$(hostname)" != "$LAB_ROLE" ]; then echo "$LAB_ROLE" > /etc/hostname; hostname "$LAB_ROLE"; fi

# lab_export NAME VALUE: hands a value on to the set-ups after this one.
lab_export() { printf '\n%s %s=%s\n' "$LAB_MARK" "$1" "$(printf %s "$2" | base64 -w 0)"; }

# lab_has ROLE: whether the lab has such a node.
lab_has() { case " $LAB_ROLES " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# lab_ip ROLE: its address, loopback when the lab has no such node.
lab_ip() { lab_ip_name=LAB_IP_$(printf %s "$1" | tr 'a-z.-' 'A-Z__'); eval "printf %s \"\${$lab_ip_name:-127.0.0.1}\""; }

# lab_dirs: the folders that every node of the platform has.
lab_dirs() { mkdir -p /opt/gbo/bin /opt/gbo/conf /opt/gbo/logs /opt/gbo/data; }

# lab_put MODE OWNER PATH: standard input becomes the file, whole or not at all.
lab_put() { lab_new=$3.lab-new; (umask 077; cat > "$lab_new"); chmod "$1" "$lab_new"; chown "$2" "$lab_new"; mv "$lab_new" "$3"; }

# lab_start UNIT...: enabled, and running with the configuration that is there now.
lab_start() { lab_enable "$@"; systemctl restart "$@"; }

# lab_enable UNIT...: at boot, and known to systemd as it stands on disk. Without the hooks of System V, which cost
# two runs of a Perl program a unit.
lab_enable() { SYSTEMCTL_SKIP_SYSV=1 systemctl enable -q --no-reload "$@"; systemctl daemon-reload; }

# lab_host_key: the key by which sshd is known, of one kind.
lab_host_key() { [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -C host -f /etc/ssh/ssh_host_ed25519_key; }

# lab_cert NAME FOLDER OWNER: a certificate of the lab's authority for NAME, its node and loopback,
# as FOLDER/NAME.crt and .key; the authority's own as FOLDER/ca.crt.
lab_cert() {
  mkdir -p "$2"
  printf '%s\n' "$LAB_CA_CRT" | lab_put 0644 "$3" "$2/ca.crt"
  lab_tmp=$(mktemp -d /run/lab-cert.XXXXXX)
  printf '%s\n' "$LAB_CA_KEY" | (umask 077; cat > "$lab_tmp/ca.key")
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature'
    echo 'extendedKeyUsage=serverAuth,clientAuth'
    echo "subjectAltName=DNS:$1,DNS:$1.$LAB_DOMAIN,DNS:$LAB_ROLE,DNS:$LAB_NAME-$LAB_ROLE,DNS:localhost,IP:127.0.0.1,IP:$(lab_ip "$LAB_ROLE")"
  } > "$lab_tmp/ext"
  openssl ecparam -name prime256v1 -genkey -noout -out "$lab_tmp/key" 2>/dev/null
  openssl req -new -key "$lab_tmp/key" -subj "/CN=$1" -out "$lab_tmp/csr"
  openssl x509 -req -in "$lab_tmp/csr" -CA "$2/ca.crt" -CAkey "$lab_tmp/ca.key" -set_serial "0x$(openssl rand -hex 8)" -days 825 -extfile "$lab_tmp/ext" -out "$lab_tmp/crt" 2>/dev/null
  lab_put 0644 "$3" "$2/$1.crt" < "$lab_tmp/crt"
  lab_put 0600 "$3" "$2/$1.key" < "$lab_tmp/key"
  rm -rf "$lab_tmp"
}

# lab_wait SECONDS COMMAND...: until it succeeds.
lab_wait() {
  lab_left=$(( $1 * 4 )); shift
  until "$@" >/dev/null 2>&1; do
    lab_left=$(( lab_left - 1 ))
    [ "$lab_left" -gt 0 ] || { echo "no success: $*"; return 1; }
    sleep 0.25
  done
}
