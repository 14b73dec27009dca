package dev.buildd.daemon;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.key.DigestNotes;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What digests in cache keys are of, with what the digests in that are of, and so on: as BuildKit's
 * pages of the same names tell it.
 */
final class CacheDebugPages {
  // of a tree of files each directory is told within all that are above it
  private static final int MOST = 64 << 20;
  private static final int DATA = 2; // kinds of frames, in JSON
  private static final int SKIPPED = 3;

  private final DigestNotes notes;
  private long told;

  private CacheDebugPages(DigestNotes notes) {
    this.notes = notes;
  }

  /** All that there are. */
  static DebugPages.Page all(DigestNotes notes, boolean json) {
    CacheDebugPages pages = new CacheDebugPages(notes);
    List<Object> list = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    notes.forEach(note -> {
      if (json) {
        list.add(pages.json(note));
      } else {
        pages.text(note, text);
        text.append('\n');
      }
      return true;
    });
    return json ? DebugPages.json(list) : DebugPages.Page.text(200, text.toString());
  }

  /** One of them. */
  static DebugPages.Page of(DigestNotes notes, String digest, boolean json) {
    if (digest.isEmpty()) {
      throw BuildException.invalid("which digest? Say ?digest=sha256:…");
    }
    DigestNotes.Note note =
        notes
            .find(Digest.parse(digest))
            .orElseThrow(
                () -> BuildException.notFound("it was not noted what " + digest + " is of"));
    CacheDebugPages pages = new CacheDebugPages(notes);
    if (json) {
      return DebugPages.json(pages.json(note));
    }
    StringBuilder text = new StringBuilder();
    pages.text(note, text);
    return DebugPages.Page.text(200, text.toString());
  }

  private List<DigestNotes.Note> parts(DigestNotes.Note note) {
    told += note.content().length;
    if (told > MOST) {
      throw new BuildException(
          Category.RESOURCE_EXHAUSTED,
          "that is more than a page holds: ask for one digest, /debug/cache/lookup?digest=…");
    }
    return note.parts().stream().flatMap(part -> notes.find(part).stream()).toList();
  }

  private Map<String, Object> json(DigestNotes.Note note) {
    Map<String, Object> out = alone(note);
    List<Object> parts = new ArrayList<>();
    parts(note).forEach(part -> parts.add(json(part)));
    if (!parts.isEmpty()) {
      out.put("subRecords", parts);
    }
    return out;
  }

  /** What one digest is of, without what digests in that are of. */
  static Map<String, Object> alone(DigestNotes.Note note) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("digest", note.digest().toString());
    out.put("type", note.kind().text());
    List<Object> frames = new ArrayList<>();
    frames.add(frame(DATA, note.content()));
    if (note.omitted() > 0) {
      frames.add(frame(SKIPPED, littleEndian(note.omitted())));
    }
    out.put("data", frames);
    return out;
  }

  private static Map<String, Object> frame(int kind, byte[] data) {
    return Map.of("type", kind, "data", Base64.getEncoder().encodeToString(data));
  }

  private static byte[] littleEndian(long number) {
    byte[] out = new byte[4];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) (number >> (8 * i));
    }
    return out;
  }

  private void text(DigestNotes.Note note, StringBuilder out) {
    List<DigestNotes.Note> parts = parts(note);
    head(note, "", out);
    parts.forEach(part -> head(part, "  ", out));
    content(note, out);
    for (DigestNotes.Note part : parts) {
      out.append('\n');
      text(part, out);
    }
  }

  /** As {@link #alone}, as text. */
  static void textAlone(DigestNotes.Note note, StringBuilder out) {
    head(note, "", out);
    content(note, out);
  }

  private static void content(DigestNotes.Note note, StringBuilder out) {
    // zero bytes stand between names; a terminal shows none
    String content = new String(note.content(), StandardCharsets.UTF_8).replace("\0", "\\0");
    out.append("  data: ").append(content).append('\n');
    if (note.omitted() > 0) {
      out.append("  skipping ").append(note.omitted()).append(" bytes\n");
    }
  }

  private static void head(DigestNotes.Note note, String indent, StringBuilder out) {
    out.append(indent).append(note.digest());
    out.append(" (").append(note.kind().text()).append("):\n");
  }
}
