#!/bin/sh
# Builds the FFmpeg of production images: LGPL-2.1-or-later, shared, and only what the stages use.
#
#     k8s/ffmpeg.sh SOURCE_ARCHIVE PREFIX
#
# The wheel of PyAV carries libx264 and libx265, which are GPL; nothing here enables GPL or non-free parts.
# H.264, HEVC and VP9 are decoded by FFmpeg itself, AV1 by dav1d (BSD-2), VP9 is encoded by libvpx (BSD-3).
# Needs a C compiler, make, nasm, pkg-config, and the headers of libvpx, libdav1d and zlib.
set -eu
VERSION=8.1.2
SHA256=464beb5e7bf0c311e68b45ae2f04e9cc2af88851abb4082231742a74d97b524c
archive=$(readlink -f "$1")
prefix=$2
echo "$SHA256  $archive" | sha256sum -c -
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xJf "$archive" -C "$work"
cd "$work/ffmpeg-$VERSION"
# libavdevice and libavfilter stay, without any part, because PyAV links them.
./configure \
    --prefix="$prefix" \
    --enable-shared --disable-static --enable-rpath --disable-programs --disable-doc --disable-debug \
    --disable-autodetect --disable-network --disable-everything \
    --enable-zlib --enable-libvpx --enable-libdav1d \
    --enable-protocol=file,pipe \
    --enable-demuxer=mov,matroska \
    --enable-muxer=mov,mp4,matroska,webm \
    --enable-parser=h264,hevc,vp9,av1 \
    --enable-decoder=h264,hevc,vp9,libdav1d \
    --enable-encoder=libvpx_vp9 \
    --enable-bsf=h264_mp4toannexb,hevc_mp4toannexb,extract_extradata,vp9_superframe,vp9_superframe_split,vp9_raw_reorder,av1_frame_merge,av1_frame_split,dump_extradata \
    --enable-filter=buffer,buffersink,format,scale
make -j "$(nproc)"
make install
# PyAV's build knows no linker's options in there; it gets them by LDFLAGS (k8s/image.sh).
sed -i 's/-Wl,-rpath,[^ ]*//g' "$prefix"/lib/pkgconfig/*.pc
# The licence and what was chosen travel with the libraries, as the LGPL asks.
install -D -m 0644 COPYING.LGPLv2.1 "$prefix/share/licenses/ffmpeg/COPYING.LGPLv2.1"
# The two codec libraries come along, so that the final image needs no package manager.
ldd "$prefix/lib/libavcodec.so" | awk '/lib(vpx|dav1d)/ {print $3}' | while read -r library; do
    cp -L "$library" "$prefix/lib/"
done
