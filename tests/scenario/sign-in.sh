# People sign in by an identity provider: a small one of ours, over TLS, that signs with RS256.
. "$TOP/tests/scenario/lib.sh"
netns_pair
manager_setup && manager_start && sign_in || { not_ok "the manager starts"; finish; }

P=$WORK/provider
mkdir -p "$P"
(
	cd "$P" || exit
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls.key -out tls.pem -subj /CN=provider \
		-addext 'subjectAltName=IP:127.0.0.1' -days 2
	openssl genrsa -out sign.key 2048
) >/dev/null 2>&1
cat >"$P/provider.py" <<'END'
import base64, hashlib, http.server, json, ssl, subprocess, sys, time, urllib.parse
at, folder = "https://127.0.0.1:9443/realm", sys.argv[1]
codes = {}
def b64(b): return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
modulus = subprocess.run(["openssl", "rsa", "-in", folder + "/sign.key", "-noout", "-modulus"], capture_output=True, check=True).stdout
n = bytes.fromhex(modulus.decode().strip().split("=")[1])
def token(claims):
    text = b64(json.dumps({"alg": "RS256", "kid": "k"}).encode()) + "." + b64(json.dumps(claims).encode())
    s = subprocess.run(["openssl", "dgst", "-sha256", "-sign", folder + "/sign.key"], input=text.encode(), capture_output=True, check=True)
    return text + "." + b64(s.stdout)
class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def say(self, status, o, **headers):
        body = json.dumps(o).encode()
        self.send_response(status)
        for k, v in headers.items(): self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        q = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/realm/.well-known/openid-configuration":
            self.say(200, {"issuer": at, "authorization_endpoint": at + "/auth", "token_endpoint": at + "/token", "jwks_uri": at + "/keys"})
        elif url.path == "/realm/keys":
            self.say(200, {"keys": [{"kty": "RSA", "use": "sig", "kid": "k", "n": b64(n), "e": "AQAB"}]})
        elif url.path == "/realm/auth" and q.get("client_id") == "yagura" and q.get("code_challenge_method") == "S256":
            code = b64(hashlib.sha256(q["state"].encode()).digest())
            codes[code] = q
            user = open(folder + "/user").read().strip()
            codes[code]["user"] = user
            self.say(302, {}, Location=q["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": q["state"]}))
        else: self.say(404, {})
    def do_POST(self):
        q = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        was = codes.pop(q.get("code", ""), None)
        proof = b64(hashlib.sha256(q.get("code_verifier", "").encode()).digest())
        if self.path != "/realm/token" or not was or proof != was["code_challenge"] or q.get("client_secret") != "pass & word" or q["redirect_uri"] != was["redirect_uri"]:
            return self.say(400, {"error": "invalid_grant"})
        now = int(time.time())
        self.say(200, {"token_type": "Bearer", "id_token": token({"iss": at, "aud": "yagura", "sub": "1", "iat": now, "exp": now + 60, "nonce": was["nonce"], "preferred_username": was["user"]})})
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9443), Provider)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder + "/tls.pem", folder + "/tls.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
END
echo admin >"$P/user"
ip netns exec "$NS_M" python3 "$P/provider.py" "$P" >"$WORK/provider.log" 2>&1 &
PIDS+=($!)
there() { in_m curl -sk https://127.0.0.1:9443/realm/keys | jq -e .keys; }
check_until "the provider is there" 20 there

ID=$(api POST /identityproviders "$(jq -n --rawfile ca "$P/tls.pem" '{name: "Realm", issuer: "https://127.0.0.1:9443/realm", clientID: "yagura", clientSecret: "pass & word", caCertificate: $ca}')" | jq .ID)
SITE=https://$MANAGER_HOST:4119
check "it is offered" eval "in_m curl -sk $SITE/api/sessions/oidc | jq -e '.identityProviders == [{name: \"Realm\", ID: $ID}]'"
# A browser without a session: it follows to the provider, and back.
visit() { # NAME
	rm -f "$WORK/jar-$1"
	in_m curl -sk -L -c "$WORK/jar-$1" -b "$WORK/jar-$1" -o "$WORK/page-$1" -w '%{http_code}' "$SITE/api/sessions/oidc/$ID"
}
check "a sign-in goes there and comes back" test "$(visit one)" = 200
who() { in_m curl -sk -b "$WORK/jar-$1" "$SITE/api/sessions/current" | jq -r .userName; }
check "and is a session" test "$(who one)" = admin
echo stranger >"$P/user"
check "who is no administrator is not let in" test "$(visit two)" = 401
check "and has no session" test "$(who two)" = null
told() { api GET '/events/system?maxItems=5000' | jq -e '.systemEvents[] | select(.kind == "sign-in-failed" and (.Description | test("no such administrator")))'; }
check "which is told" told
check "the secret is nowhere" eval "! grep -raq 'pass & word' $WORK/m/lib $WORK/manager.log"
api POST "/identityproviders/$ID" '{"caCertificate":""}' >/dev/null
echo admin >"$P/user"
check "a provider that is not trusted lets nobody in" test "$(visit three)" = 401
finish
