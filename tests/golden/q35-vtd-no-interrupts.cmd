qemu-system-x86_64 -machine q35 -accel tcg -nodefaults -display none -qmp stdio -device intel-iommu,intremap=off,aw-bits=48 -device edu,addr=0x4
