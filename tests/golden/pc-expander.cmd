qemu-system-x86_64 -machine pc -accel tcg -nodefaults -display none -qmp stdio -device virtio-iommu-pci,addr=0x4 -device pxb,id=expander1,bus=pci.0,bus_nr=0x80 -device edu,bus=expander1,addr=0x2
