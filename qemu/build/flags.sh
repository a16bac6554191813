# SPDX-License-Identifier: GPL-2.0-or-later
# . flags.sh GENERATION: what compiles against the headers of a generation of QEMU ("7.2"; "": the
# installed one). Sets `source`, where its sources are, `flags` for the compiler, and `out`, the folder
# for what is built for it. With VIOMMU_SANITIZE=address,undefined in the environment that is another
# one, and the flags ask for these sanitizers. VIOMMU_OUT names the folder, and VIOMMU_FLAGS has more
# flags.

generation=$1
read -r source headers < <(qemu/build/headers.sh "$generation")
[[ $generation ]] || generation=$(cut -d. -f1,2 "$source/VERSION")
out=${VIOMMU_OUT:-build/qemu-$generation${VIOMMU_SANITIZE:+-sanitized}}
mkdir -p "$out"

# QEMU's own macros mix signs and leave parameters unused.
flags=(-std=gnu11 -O2 -g -fPIC -pthread -fno-strict-aliasing -fno-common -fvisibility=hidden
	-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE -Iinclude -Iqemu -Iqemu/build
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
	-Wvla -Wno-sign-conversion -Wno-sign-compare -Wno-unused-parameter
	-Wno-missing-field-initializers ${WERROR--Werror}
	${VIOMMU_SANITIZE:+-fsanitize="$VIOMMU_SANITIZE" -fno-omit-frame-pointer})
for folder in "$headers" "$headers/qapi" "$source/include" "$source/linux-headers"; do
	flags+=(-isystem "$folder")
done
flags+=($(pkg-config --cflags glib-2.0 pixman-1) ${VIOMMU_FLAGS-})
