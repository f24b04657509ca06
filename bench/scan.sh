# (b) Scans of a tree that nobody watches: clamdscan --multiscan --fdpass and dsa_scan, the same signatures. Before each
# first scan both load their signatures again and so know nothing.
our_scan() { in_a "$DSA_SCAN" --run "$WORK/a/run" "$1"; }

part_scan() {
	local i tree=$WORK/fs/none/tree
	mkdir -p "$tree"
	cp -r /usr/bin /usr/sbin /usr/include /usr/lib/python3 "$tree/" 2>/dev/null
	# Filled up to 1 GB, whatever this host has installed.
	mkdir "$tree/lib"
	find /usr/lib/x86_64-linux-gnu /usr/share -type f -size -4M ! -path '*clamav*' -printf '%s %p\n' 2>/dev/null | sort -k 2 |
		awk -v n="$(du -sb "$tree" | cut -f1)" '{ n += $1 } n < 1100000000 { sub(/^[0-9]+ /, ""); print }' |
		xargs -rd '\n' cp --parents -t "$tree/lib"
	say "scan of $(find "$tree" -type f | wc -l) files, $(du -sm "$tree" | cut -f1) MB"
	clam_scan "$tree" >/dev/null # warms the page cache
	for ((i = 0; i < ROUNDS; i++)); do
		clam_reload
		note scan.clam "$(seconds clam_scan "$tree")"
		note again.clam "$(seconds clam_scan "$tree")"
		reload
		note scan.ours "$(seconds our_scan "$tree")"
		[ $i = 0 ] && say "dsa_scan: $(tail -n 1 "$WORK/last")"
		note again.ours "$(seconds our_scan "$tree")"
		[ $i = 0 ] && say "dsa_scan again: $(tail -n 1 "$WORK/last")"
	done
	for i in scan again; do say "$i, seconds: clamdscan $(median $i.clam) ($(spread $i.clam)), dsa_scan $(median $i.ours) ($(spread $i.ours))"; done
	row "(b) first scan, throughput to clamdscan's" "$(ratio "$(median scan.clam)" "$(median scan.ours)")" least 1.0
	row "    repeated scan, throughput to clamdscan's" "$(ratio "$(median again.clam)" "$(median again.ours)")" least 8
}
