qemu-system-x86_64 -machine q35 -accel tcg -nodefaults -display none -qmp stdio -device virtio-iommu-pci,addr=0x3
