# (a) Opening, reading and closing: the same files on file systems that nobody watches (none), that an allow-all
# responder watches (bare), that clamonacc watches (clam), that the agent watches (ours).
opens_measure() { # WHO
	local first later
	read -r first later <<<"$(timeout -s KILL 300 "$WORK/opens" 3 <"$WORK/names.$1")"
	note "first.$1" "${first:-0}"
	note "later.$1" "${later:-0}"
}

part_opens() {
	local who i
	for who in none bare clam ours; do
		cp -r /usr/include "$WORK/fs/$who/include"
		find "$WORK/fs/$who/include" -type f -print0 | sort -z | sed -zn '1~4p' | head -z -n 2000 >"$WORK/names.$who"
		cat "$WORK/fs/$who/include"/* >/dev/null 2>&1
	done
	sync
	sleep 5
	for ((i = 0; i < ROUNDS; i++)); do
		bare_restart "$WORK/fs/bare"
		reload
		for who in none bare ours clam; do opens_measure $who; done
	done
	for who in none bare ours clam; do
		say "open, read, close of $(tr -cd '\0' <"$WORK/names.$who" | wc -c) files, ns each, $who: first $(median first.$who) ($(spread first.$who)), again $(median later.$who) ($(spread later.$who))"
	done
	row "(a) open of a judged file, to none" "$(ratio "$(median later.ours)" "$(median later.none)")" most 1.3
	row "    open of a judged file, to the bare responder's" "$(ratio "$(median later.ours)" "$(median later.bare)")"
	row "    open of a judged file, clamonacc's to ours" "$(ratio "$(median later.clam)" "$(median later.ours)")" least 100
	row "    first open, clamonacc's to ours" "$(ratio "$(median first.clam)" "$(median first.ours)")" least 5
	row "    first open, to the bare responder's" "$(ratio "$(median first.ours)" "$(median first.bare)")"
}
