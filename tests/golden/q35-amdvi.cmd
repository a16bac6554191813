qemu-system-x86_64 -machine q35 -accel tcg -nodefaults -display none -qmp stdio -device amd-iommu -device edu,addr=0x4
