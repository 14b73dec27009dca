package dev.buildd.snapshot.layer;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.io.BlockInput;
import dev.buildd.base.linux.FileNames;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads tar archives as image builders write them: v7, ustar, PAX (with binary extended attributes)
 * and GNU (long names, large numbers, sparse files in all four forms).
 *
 * <p>Archives come from strangers: what does not fit the format is {@code INVALID_ARGUMENT}, and
 * nothing that a header claims is allocated before it has been read.
 */
public final class TarReader {
  private static final int BLOCK = 512;
  private static final int MAX_EXTENSION = 1 << 20; // as Go's archive/tar
  private static final int MAX_PIECES = 1 << 20;
  private static final String XATTR = "SCHILY.xattr.";

  private final InputStream in;
  private final byte[] block = new byte[BLOCK];
  private final byte[] waste = new byte[8192];
  private @Nullable Content content;

  public TarReader(InputStream in) {
    this.in = in;
  }

  /** The next file, or empty at the archive's end. What was not read of the last one is skipped. */
  public Optional<TarEntry> next() throws IOException {
    if (content != null) {
      content.finish();
      content = null;
    }
    Map<String, byte[]> pax = Map.of();
    String longName = null;
    String longLink = null;
    while (readHeader()) {
      char kind = (char) (block[156] & 0xff);
      switch (kind) {
        case 'x' -> pax = records(extension());
        case 'g' -> extension(); // defaults for all files; Go's reader, hence BuildKit, drops them
        case 'L' -> longName = text(extension());
        case 'K' -> longLink = text(extension());
        default -> {
          return Optional.of(entry(kind, pax, longName, longLink));
        }
      }
    }
    return Optional.empty();
  }

  /** The content of the file last returned; of a sparse file, its pieces one after the other. */
  public InputStream content() {
    Content current = content;
    if (current == null) {
      throw new IllegalStateException("no file is being read");
    }
    return current;
  }

  private boolean readHeader() throws IOException {
    int n = in.readNBytes(block, 0, BLOCK);
    if (n == 0) {
      return false; // some writers leave the end marks out
    }
    if (n < BLOCK) {
      throw new EOFException("unexpected EOF");
    }
    if (isZero()) {
      n = in.readNBytes(block, 0, BLOCK);
      if (n == 0 || (n == BLOCK && isZero())) {
        return false;
      }
      throw invalid("a zero block within the archive");
    }
    long sum = 0;
    long signed = 0;
    for (int i = 0; i < BLOCK; i++) {
      byte b = i >= 148 && i < 156 ? (byte) ' ' : block[i];
      sum += b & 0xff;
      signed += b;
    }
    long written = number(148, 8);
    if (written != sum && written != signed) {
      throw invalid("header checksum");
    }
    return true;
  }

  private boolean isZero() {
    for (byte b : block) {
      if (b != 0) {
        return false;
      }
    }
    return true;
  }

  private static BuildException invalid(String what) {
    return BuildException.invalid("archive/tar: invalid tar header: " + what);
  }

  private byte[] extension() throws IOException {
    long size = number(124, 12);
    if (size < 0 || size > MAX_EXTENSION) {
      throw invalid("extended header of " + size + " bytes");
    }
    byte[] out = in.readNBytes((int) size);
    if (out.length < size) {
      throw new EOFException("unexpected EOF");
    }
    discard(padding(size));
    return out;
  }

  /** Reads rather than skips: what is skipped escapes a stream that hashes what is read. */
  private void discard(long n) throws IOException {
    for (long left = n; left > 0; ) {
      int read = in.read(waste, 0, (int) Math.min(waste.length, left));
      if (read < 0) {
        throw new EOFException("unexpected EOF");
      }
      left -= read;
    }
  }

  private static long padding(long size) {
    return -size & (BLOCK - 1);
  }

  private String field(int at, int length) {
    int end = at;
    while (end < at + length && block[end] != 0) {
      end++;
    }
    return FileNames.text(Arrays.copyOfRange(block, at, end));
  }

  private String text(byte[] bytes) {
    int end = 0;
    while (end < bytes.length && bytes[end] != 0) {
      end++;
    }
    return FileNames.text(Arrays.copyOf(bytes, end));
  }

  /** Octal digits, or GNU's big-endian two's complement marked by the first bit. */
  private long number(int at, int length) {
    return number(block, at, length);
  }

  private static long number(byte[] from, int at, int length) {
    if ((from[at] & 0x80) != 0) {
      boolean negative = (from[at] & 0x40) != 0;
      long value = negative ? -1 : 0;
      for (int i = 0; i < length; i++) {
        int b = from[at + i] & 0xff;
        if (i == 0) {
          b = negative ? b | 0x80 : b & 0x7f;
        }
        if (value >> 55 != (negative ? -1 : 0)) {
          throw invalid("number out of range");
        }
        value = value << 8 | b;
      }
      return value;
    }
    int start = at;
    int end = at + length;
    while (start < end && (from[start] == ' ' || from[start] == 0)) {
      start++;
    }
    long value = 0;
    while (start < end && from[start] != ' ' && from[start] != 0) {
      if (from[start] < '0' || from[start] > '7' || value >> 60 != 0) {
        throw invalid("not an octal number");
      }
      value = value << 3 | (from[start] - '0');
      start++;
    }
    return value;
  }

  private static Map<String, byte[]> records(byte[] bytes) {
    Map<String, byte[]> out = new LinkedHashMap<>();
    List<String> sparse = new ArrayList<>();
    int at = 0;
    while (at < bytes.length) {
      int space = at;
      long length = 0;
      while (space < bytes.length
          && bytes[space] >= '0'
          && bytes[space] <= '9'
          && length < MAX_EXTENSION) {
        length = length * 10 + bytes[space] - '0';
        space++;
      }
      long end = at + length;
      if (space == at
          || space >= bytes.length
          || bytes[space] != ' '
          || end > bytes.length
          || end <= space + 1
          || bytes[(int) end - 1] != '\n') {
        throw invalid("PAX record");
      }
      int equals = space + 1;
      while (equals < end - 1 && bytes[equals] != '=') {
        equals++;
      }
      if (equals == end - 1 || equals == space + 1) {
        throw invalid("PAX record");
      }
      String key = new String(bytes, space + 1, equals - space - 1, StandardCharsets.UTF_8);
      byte[] value = Arrays.copyOfRange(bytes, equals + 1, (int) end - 1);
      if (key.equals("GNU.sparse.offset") || key.equals("GNU.sparse.numbytes")) {
        // form 0.0 repeats them, one pair for each piece
        sparse.add(new String(value, StandardCharsets.US_ASCII));
      } else {
        out.put(key, value);
      }
      at = (int) end;
    }
    if (!sparse.isEmpty()) {
      out.put("GNU.sparse.map", String.join(",", sparse).getBytes(StandardCharsets.US_ASCII));
    }
    return out;
  }

  private TarEntry entry(
      char kind, Map<String, byte[]> pax, @Nullable String longName, @Nullable String longLink)
      throws IOException {
    String name = longName;
    if (name == null) {
      name = field(0, 100);
      if (new String(block, 257, 6, StandardCharsets.ISO_8859_1).equals("ustar\0")) {
        String prefix = field(345, 155);
        name = prefix.isEmpty() ? name : prefix + "/" + name;
      }
    }
    name = paxText(pax, "path", name);
    String link = paxText(pax, "linkpath", longLink == null ? field(157, 100) : longLink);
    long stored = paxNumber(pax, "size", number(124, 12));
    TarEntry.Type type = type(kind, name);
    if (stored < 0) {
      throw invalid("negative size");
    }
    if (type != TarEntry.Type.FILE) {
      stored = 0; // others carry no content whatever their header says
    }
    List<TarEntry.Piece> pieces = List.of();
    long size = stored;
    boolean sparse = false;
    if (kind == 'S') {
      sparse = true;
      size = number(483, 12);
      pieces = oldSparseMap();
    } else if (pax.containsKey("GNU.sparse.map")) {
      sparse = true;
      size = paxNumber(pax, "GNU.sparse.size", paxNumber(pax, "GNU.sparse.realsize", stored));
      pieces = pieces(paxText(pax, "GNU.sparse.map", "").split(","));
    }
    Content body = new Content(stored);
    if (paxText(pax, "GNU.sparse.major", "").equals("1")) {
      sparse = true;
      size = paxNumber(pax, "GNU.sparse.realsize", stored);
      pieces = body.readSparseMap();
    }
    name = paxText(pax, "GNU.sparse.name", name);
    if (sparse) {
      check(pieces, size, body.left);
    }
    content = body;
    boolean device = type == TarEntry.Type.CHARACTER_DEVICE || type == TarEntry.Type.BLOCK_DEVICE;
    while (name.length() > 1 && name.endsWith("/")) {
      name = name.substring(0, name.length() - 1);
    }
    return new TarEntry(
        name,
        type,
        link,
        size,
        (int) number(100, 8) & 07777,
        id(paxNumber(pax, "uid", number(108, 8))),
        id(paxNumber(pax, "gid", number(116, 8))),
        mtime(pax),
        device ? id(number(329, 8)) : 0,
        device ? id(number(337, 8)) : 0,
        xattrs(pax),
        sparse ? nonEmpty(pieces, size) : List.of());
  }

  /** A sparse file without data still has to be told from one that is not sparse. */
  private static List<TarEntry.Piece> nonEmpty(List<TarEntry.Piece> pieces, long size) {
    return pieces.isEmpty() ? List.of(new TarEntry.Piece(size, 0)) : pieces;
  }

  private static TarEntry.Type type(char kind, String name) {
    return switch (kind) {
      case '0', '7', 'S' -> TarEntry.Type.FILE;
      case '\0' -> name.endsWith("/") ? TarEntry.Type.DIRECTORY : TarEntry.Type.FILE;
      case '1' -> TarEntry.Type.HARD_LINK;
      case '2' -> TarEntry.Type.SYMLINK;
      case '3' -> TarEntry.Type.CHARACTER_DEVICE;
      case '4' -> TarEntry.Type.BLOCK_DEVICE;
      case '5' -> TarEntry.Type.DIRECTORY;
      case '6' -> TarEntry.Type.FIFO;
      default -> throw BuildException.invalid("unhandled tar header type " + (int) kind);
    };
  }

  private static int id(long value) {
    if (value < 0 || value > 0xffff_ffffL) {
      throw invalid("id out of range");
    }
    return (int) value;
  }

  private String paxText(Map<String, byte[]> pax, String key, String otherwise) {
    byte[] value = pax.get(key);
    return value == null || value.length == 0 ? otherwise : FileNames.text(value);
  }

  private static long paxNumber(Map<String, byte[]> pax, String key, long otherwise) {
    byte[] value = pax.get(key);
    if (value == null || value.length == 0) {
      return otherwise;
    }
    try {
      return Long.parseLong(new String(value, StandardCharsets.US_ASCII));
    } catch (NumberFormatException e) {
      throw invalid("PAX number " + key);
    }
  }

  private long mtime(Map<String, byte[]> pax) {
    byte[] value = pax.get("mtime");
    try {
      if (value == null || value.length == 0) {
        return Math.multiplyExact(number(136, 12), 1_000_000_000L);
      }
      if (value.length > 40) {
        throw invalid("PAX mtime");
      }
      String text = new String(value, StandardCharsets.US_ASCII);
      if (!text.matches("-?[0-9]+(\\.[0-9]*)?")) {
        throw invalid("PAX mtime");
      }
      return new BigDecimal(text)
          .movePointRight(9)
          .setScale(0, java.math.RoundingMode.FLOOR)
          .longValueExact();
    } catch (ArithmeticException e) {
      return 0; // beyond what a file can bear
    }
  }

  private static Map<String, byte[]> xattrs(Map<String, byte[]> pax) {
    Map<String, byte[]> out = new HashMap<>();
    pax.forEach((key, value) -> {
      if (key.startsWith(XATTR)) {
        out.put(key.substring(XATTR.length()), value);
      }
    });
    return out;
  }

  private List<TarEntry.Piece> oldSparseMap() throws IOException {
    List<String> numbers = new ArrayList<>();
    boolean more = block[482] != 0;
    addPairs(numbers, block, 386, 4);
    byte[] extra = new byte[BLOCK];
    while (more) {
      if (in.readNBytes(extra, 0, BLOCK) < BLOCK) {
        throw new EOFException("unexpected EOF");
      }
      addPairs(numbers, extra, 0, 21);
      more = extra[504] != 0;
    }
    return pieces(numbers.toArray(String[]::new));
  }

  private static void addPairs(List<String> to, byte[] from, int at, int count) {
    if (to.size() > 2 * MAX_PIECES) {
      throw invalid("sparse map");
    }
    for (int i = 0; i < count && from[at + i * 24] != 0; i++) {
      to.add(Long.toString(number(from, at + i * 24, 12)));
      to.add(Long.toString(number(from, at + i * 24 + 12, 12)));
    }
  }

  private static List<TarEntry.Piece> pieces(String[] numbers) {
    if (numbers.length == 1 && numbers[0].isEmpty()) {
      return List.of();
    }
    if (numbers.length % 2 != 0 || numbers.length > 2 * MAX_PIECES) {
      throw invalid("sparse map");
    }
    List<TarEntry.Piece> out = new ArrayList<>();
    try {
      for (int i = 0; i < numbers.length; i += 2) {
        out.add(new TarEntry.Piece(Long.parseLong(numbers[i]), Long.parseLong(numbers[i + 1])));
      }
    } catch (NumberFormatException e) {
      throw invalid("sparse map");
    }
    return out;
  }

  private static void check(List<TarEntry.Piece> pieces, long size, long stored) {
    long at = 0;
    long data = 0;
    for (TarEntry.Piece piece : pieces) {
      if (piece.offset() < at || piece.length() < 0 || piece.length() > size - piece.offset()) {
        throw invalid("sparse map");
      }
      at = piece.offset() + piece.length();
      data += piece.length();
    }
    if (data != stored) {
      throw invalid("sparse map");
    }
  }

  /** The bytes of one file in the archive. */
  private final class Content extends BlockInput {
    private final long stored;
    private long left;

    Content(long stored) {
      this.stored = stored;
      this.left = stored;
    }

    @Override
    public int read(byte[] to, int at, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      if (left == 0) {
        return -1;
      }
      int n = in.read(to, at, (int) Math.min(length, left));
      if (n < 0) {
        throw new EOFException("unexpected EOF");
      }
      left -= n;
      return n;
    }

    void finish() throws IOException {
      discard(left);
      left = 0;
      in.readNBytes((int) padding(stored)); // umoci leaves the last file's out
    }

    /** Form 1.0: decimal lines before the data, padded to a block. */
    List<TarEntry.Piece> readSparseMap() throws IOException {
      long before = left;
      List<String> numbers = new ArrayList<>();
      long count = decimalLine();
      if (count > MAX_PIECES) {
        throw invalid("sparse map");
      }
      for (long i = 0; i < 2 * count; i++) {
        numbers.add(Long.toString(decimalLine()));
      }
      long pad = padding(before - left);
      if (readNBytes((int) pad).length < pad) {
        throw new EOFException("unexpected EOF");
      }
      return count == 0 ? List.of() : pieces(numbers.toArray(String[]::new));
    }

    private long decimalLine() throws IOException {
      ByteArrayOutputStream digits = new ByteArrayOutputStream();
      for (int b = read(); b != '\n'; b = read()) {
        if (b < '0' || b > '9' || digits.size() > 18) {
          throw invalid("sparse map");
        }
        digits.write(b);
      }
      if (digits.size() == 0) {
        throw invalid("sparse map");
      }
      return Long.parseLong(digits.toString(StandardCharsets.US_ASCII));
    }
  }
}
