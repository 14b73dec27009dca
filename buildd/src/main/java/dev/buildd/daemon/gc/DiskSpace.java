package dev.buildd.daemon.gc;

import dev.buildd.base.error.BuildException;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An amount of disk space as {@code buildkitd.toml} gives it: bytes, or a part of the disk.
 *
 * @param bytes if not zero, the amount
 * @param percent of the disk's size, else; zero for none
 */
public record DiskSpace(long bytes, long percent) {
  public static final DiskSpace NONE = new DiskSpace(0, 0);

  private static final Pattern AMOUNT =
      Pattern.compile("(\\d+(?:\\.\\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?");
  private static final String UNITS = "kmgtp";
  private static final long GB = 1_000_000_000;
  private static final long GIB = 1L << 30;
  private static final long OF_AN_UNKNOWN_DISK = 2 * GB;

  public DiskSpace {
    if (bytes < 0) {
      throw BuildException.invalid("not an amount of disk space: " + bytes);
    }
    if (percent < 0 || percent > 100) {
      throw BuildException.invalid("not a part of the disk: " + percent + "%");
    }
  }

  public static DiskSpace ofBytes(long bytes) {
    return new DiskSpace(bytes, 0);
  }

  public static DiskSpace ofPercent(long percent) {
    return new DiskSpace(0, percent);
  }

  /**
   * Reads a number of bytes, with a unit of powers of 1024 or none (512000000, 512MB, 1.5GiB), or a
   * percentage (20%).
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if it is neither
   */
  public static DiskSpace parse(String text) {
    try {
      if (text.endsWith("%")) {
        return ofPercent(Long.parseLong(text.substring(0, text.length() - 1)));
      }
      Matcher parts = AMOUNT.matcher(text.toLowerCase(Locale.ROOT));
      if (parts.matches()) {
        int power = parts.group(2) == null ? 0 : UNITS.indexOf(parts.group(2)) + 1;
        return ofBytes(
            new BigDecimal(parts.group(1))
                .multiply(new BigDecimal(1L << (10 * power)))
                .toBigInteger()
                .longValueExact());
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // told below
    }
    throw BuildException.invalid(
        "invalid disk space \""
            + text
            + "\": give bytes, an amount such as \"512MB\", or a part of the disk such as \"20%\"");
  }

  public boolean isNone() {
    return equals(NONE);
  }

  /**
   * The amount in bytes; parts of a disk are rounded up to whole gigabytes, as BuildKit does.
   *
   * @param disk the disk's size; zero if unknown
   */
  public long of(long disk) {
    if (bytes != 0 || percent == 0) {
      return bytes;
    }
    return disk == 0 ? OF_AN_UNKNOWN_DISK : (disk * percent / 100 / GIB + 1) * GB;
  }
}
