package dev.buildd.solver.worker;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * The smallest program of an architecture: it ends at once, with code 0. Whether this machine runs
 * such programs is found out by running one.
 */
enum ProbeProgram {
  /** {@code mov eax, 60; xor edi, edi; syscall}. */
  AMD64("amd64", Form.BITS_64, ByteOrder.LITTLE_ENDIAN, 62, 0, "b83c00000031ff0f05"),

  /** {@code mov x8, 93; mov x0, 0; svc 0}. */
  ARM64("arm64", Form.BITS_64, ByteOrder.LITTLE_ENDIAN, 183, 0, "a80b80d2000080d2010000d4"),

  /** {@code li a7, 93; li a0, 0; ecall}. */
  RISCV64("riscv64", Form.BITS_64, ByteOrder.LITTLE_ENDIAN, 243, 0, "9308d0051305000073000000"),

  /** {@code li r0, 1; li r3, 0; sc}; the flags say that calls follow the second ABI. */
  PPC64("ppc64", Form.BITS_64, ByteOrder.BIG_ENDIAN, 21, 2, "380000013860000044000002"),

  /** The same. */
  PPC64LE("ppc64le", Form.BITS_64, ByteOrder.LITTLE_ENDIAN, 21, 2, "010000380000603802000044"),

  /** {@code lghi r2, 0; svc 1}. */
  S390X("s390x", Form.BITS_64, ByteOrder.BIG_ENDIAN, 22, 0, "a72900000a01"),

  /** {@code mov eax, 1; xor ebx, ebx; int 0x80}. */
  I386("386", Form.BITS_32, ByteOrder.LITTLE_ENDIAN, 3, 0, "b80100000031dbcd80"),

  /** {@code li v0, 5058; move a0, zero; syscall}; the flags say MIPS64. */
  MIPS64LE(
      "mips64le",
      Form.BITS_64,
      ByteOrder.LITTLE_ENDIAN,
      8,
      0x6000_0000,
      "c2130224252000000c000000"),

  /** The same. */
  MIPS64("mips64", Form.BITS_64, ByteOrder.BIG_ENDIAN, 8, 0x6000_0000, "240213c2000020250000000c"),

  /** {@code ori a7, zero, 93; move a0, zero; syscall 0}; the flags say LP64D. */
  LOONG64("loong64", Form.BITS_64, ByteOrder.LITTLE_ENDIAN, 258, 0x43, "0b7481030400150000002b00"),

  /** {@code mov r7, 1; mov r0, 0; svc 0}; the flags say EABI 5. */
  ARM("arm", Form.BITS_32, ByteOrder.LITTLE_ENDIAN, 40, 0x500_0000, "0170a0e30000a0e3000000ef");

  /** The two forms of ELF. */
  private enum Form {
    BITS_32(1, 52, 32, 40),
    BITS_64(2, 64, 56, 64);

    final int number;
    final int headerSize;
    final int segmentSize;
    final int sectionSize;

    Form(int number, int headerSize, int segmentSize, int sectionSize) {
      this.number = number;
      this.headerSize = headerSize;
      this.segmentSize = segmentSize;
      this.sectionSize = sectionSize;
    }
  }

  private static final int BASE = 0x10000; // where it is loaded; also its alignment
  private static final int EXECUTABLE = 2;
  private static final int LOADED = 1;
  private static final int READ_AND_EXECUTE = 5;

  private final String architecture;
  private final Form form;
  private final ByteOrder order;
  private final int machine;
  private final int flags;
  private final byte[] code;

  ProbeProgram(
      String architecture, Form form, ByteOrder order, int machine, int flags, String code) {
    this.architecture = architecture;
    this.form = form;
    this.order = order;
    this.machine = machine;
    this.flags = flags;
    this.code = HexFormat.of().parseHex(code);
  }

  /** By Go's name. */
  String architecture() {
    return architecture;
  }

  /** The program's file: an ELF header, one segment with all of it, and the code. */
  byte[] file() {
    int start = form.headerSize + form.segmentSize;
    int size = start + code.length;
    ByteBuffer out = ByteBuffer.allocate(size).order(order);
    out.put(new byte[] {0x7f, 'E', 'L', 'F', (byte) form.number});
    out.put((byte) (order == ByteOrder.LITTLE_ENDIAN ? 1 : 2)).put((byte) 1).position(16);
    out.putShort((short) EXECUTABLE).putShort((short) machine).putInt(1);
    word(out, BASE + start);
    word(out, form.headerSize);
    word(out, 0);
    out.putInt(flags).putShort((short) form.headerSize).putShort((short) form.segmentSize);
    out.putShort((short) 1).putShort((short) form.sectionSize).putShort((short) 0);
    out.putShort((short) 0);
    out.putInt(LOADED);
    if (form == Form.BITS_64) {
      out.putInt(READ_AND_EXECUTE);
    }
    word(out, 0);
    word(out, BASE);
    word(out, BASE);
    word(out, size);
    word(out, size);
    if (form == Form.BITS_32) {
      out.putInt(READ_AND_EXECUTE);
    }
    word(out, BASE);
    return out.put(code).array();
  }

  private void word(ByteBuffer out, int value) {
    if (form == Form.BITS_64) {
      out.putLong(value);
    } else {
      out.putInt(value);
    }
  }
}
