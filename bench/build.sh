# (a) A build inside the watched tree: this project's lower floors, sanitizers on, two jobs, no ccache.
BUILD_TARGETS=${BENCH_BUILD_TARGETS:-src/libbase.a src/libmodel.a src/libengine.a src/libproc.a src/libnet.a src/libmodule.a}
build_once() { # WHO
	ninja -C "$WORK/fs/$1/src/b" -t clean >/dev/null 2>&1
	sync
	note "build.$1" "$(seconds timeout -s KILL 600 ninja -j2 -C "$WORK/fs/$1/src/b" $BUILD_TARGETS)"
}

part_build() {
	local who i
	export CCACHE_DISABLE=1
	for who in none bare ours clam; do
		mkdir -p "$WORK/fs/$who/src"
		git -C "$TOP" archive HEAD | tar -x -C "$WORK/fs/$who/src"
		(cd "$WORK/fs/$who/src" && CC=gcc meson setup b -Db_sanitize=address,undefined -Db_lundef=false) >"$WORK/meson.$who" 2>&1
	done
	for ((i = 0; i < ${BENCH_BUILD_ROUNDS:-$ROUNDS}; i++)); do
		for who in none bare ours; do build_once $who; done
		[ $i = 0 ] && build_once clam
	done
	for who in none bare ours clam; do say "build, seconds, $who: $(median build.$who) ($(spread build.$who))"; done
	row "(a) build of $(median build.none) s, to the bare responder's" "$(ratio "$(median build.ours)" "$(median build.bare)")" most 1.10
	row "    build, to none" "$(ratio "$(median build.ours)" "$(median build.none)")"
	row "    build, bare responder's to none" "$(ratio "$(median build.bare)" "$(median build.none)")"
	row "    build, clamonacc's to none (one run)" "$(ratio "$(median build.clam)" "$(median build.none)")"
}
