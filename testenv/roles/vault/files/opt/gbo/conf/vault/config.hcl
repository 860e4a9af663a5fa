storage "file" {
  path = "/opt/gbo/data/vault"
}

listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/opt/gbo/conf/vault/vault.crt"
  tls_key_file  = "/opt/gbo/conf/vault/vault.key"
}

api_addr          = "https://vault:8200"
default_lease_ttl = "768h"
# A year and a day: the documented token lives 8760 hours.
max_lease_ttl     = "8784h"
disable_mlock     = true
