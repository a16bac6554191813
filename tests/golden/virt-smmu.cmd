qemu-system-aarch64 -machine virt,gic-version=3,dtb-randomness=off -cpu cortex-a57 -m 256 -bios QEMU_EFI.fd -accel tcg -nodefaults -display none -qmp stdio -machine iommu=smmuv3 -device edu,addr=0x2
