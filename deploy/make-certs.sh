#!/bin/sh
# Makes a CA and the serving certificate with openssl, for clusters without
# cert-manager, and beside them a kustomization that installs the server with
# both:
#
#   deploy/make-certs.sh
#   kubectl apply --server-side -k deploy/own-ca
#
# Run again, it renews the serving certificate under the same CA, and makes a new
# CA only when the old one would expire first. deploy/own-ca holds private keys:
# git ignores it, you keep it.
set -eu

service=guest-metrics-server.guest-metrics-server.svc
ca_days=3650
serving_days=365

umask 077
mkdir -p "$(dirname "$0")/own-ca"
cd "$(dirname "$0")/own-ca"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A configuration of our own: systems differ in what theirs adds.
cat > "$work/openssl.cnf" <<EOF
[req]
distinguished_name = name
prompt = no
[name]
CN = $service
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[serving]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$service, DNS:$service.cluster.local
EOF

new_key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

if ! [ -s ca.key ] || ! openssl x509 -noout -in ca.crt -checkend $((serving_days * 86400)) >/dev/null 2>&1; then
	new_key ca.key
	openssl req -x509 -new -sha256 -config "$work/openssl.cnf" -extensions ca \
		-subj "/CN=guest-metrics-server-ca" -days "$ca_days" -key ca.key -out ca.crt
fi

new_key "$work/tls.key"
openssl req -new -sha256 -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"
openssl x509 -req -sha256 -in "$work/tls.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" \
	-extfile "$work/openssl.cnf" -extensions serving -days "$serving_days" -out "$work/tls.crt"
openssl verify -CAfile ca.crt "$work/tls.crt" >/dev/null
mv "$work/tls.key" "$work/tls.crt" .

cat > kustomization.yaml <<EOF
# Written by ../make-certs.sh.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../base
secretGenerator:
- name: guest-metrics-server-tls
  namespace: guest-metrics-server
  type: kubernetes.io/tls
  files: [tls.crt, tls.key, ca.crt]
  options:
    disableNameSuffixHash: true
patches:
- target:
    kind: APIService
  patch: |-
    - op: add
      path: /spec/caBundle
      value: $(openssl base64 -A -in ca.crt)
EOF

echo "$PWD: $(openssl x509 -noout -enddate -in tls.crt)"
