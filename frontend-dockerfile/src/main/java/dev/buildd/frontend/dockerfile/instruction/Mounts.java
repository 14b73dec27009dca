package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.base.text.ByteSize;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * Reads {@code RUN --mount} (dockerfile.md section 3.4). Twice: what depends on other stages when
 * the file is read, all else when variables are known.
 */
final class Mounts {
  private static final List<String> KEYS =
      List.of(
          "type",
          "from",
          "source",
          "target",
          "readonly",
          "id",
          "sharing",
          "required",
          "size",
          "mode",
          "uid",
          "gid",
          "src",
          "dst",
          "destination",
          "ro",
          "rw",
          "readwrite",
          "env");
  private static final List<String> TYPES =
      Arrays.stream(Mount.Type.values()).map(Mount.Type::word).toList();
  private static final List<String> SHARINGS = List.of("shared", "private", "locked");
  private static final Pattern DIGITS = Pattern.compile("[0-9]+");
  private static final long UINT32_MAX = 0xFFFF_FFFFL;

  private Mount.Type type = Mount.Type.BIND;
  private String from = "";
  private String source = "";
  private String target = "";
  private Optional<Boolean> readOnly = Optional.empty();
  private long size;
  private String id = "";
  private String sharing = "";
  private boolean required;
  private Optional<String> env = Optional.empty();
  private OptionalLong mode = OptionalLong.empty();
  private OptionalLong uid = OptionalLong.empty();
  private OptionalLong gid = OptionalLong.empty();

  private Mounts() {}

  /** The stage or image of a mount; of the rest not even faults are seen. */
  static Mount parseFrom(String text) {
    Mounts mount = new Mounts();
    for (FlagFields.Field field : FlagFields.of(text, "mounts")) {
      if (field.hasValue() && field.key().equals("from")) {
        int dollar = field.value().indexOf('$');
        if (dollar >= 0 && dollar != field.value().length() - 1) {
          throw new DockerfileException(
              "'from' doesn't support variable expansion, define alias stage instead");
        }
        mount.from = field.value();
      }
    }
    return mount.toMount();
  }

  static Mount parse(String text, Words words) {
    Mounts mount = new Mounts();
    for (FlagFields.Field field : FlagFields.of(text, "mounts")) {
      if (field.hasValue()) {
        mount.set(field, words.word(field.value()));
      } else {
        mount.setBare(field);
      }
    }
    mount.check();
    return mount.toMount();
  }

  private void setBare(FlagFields.Field field) {
    switch (field.key()) {
      case "readonly", "ro" -> readOnly = Optional.of(true);
      case "readwrite", "rw" -> readOnly = Optional.of(false);
      case "required" -> {
        checkType(field.key(), Mount.Type.SECRET, Mount.Type.SSH);
        required = true;
      }
      default -> throw field.mustBePair();
    }
  }

  private void set(FlagFields.Field field, String value) {
    String key = field.key();
    switch (key) {
      case "type" -> type = type(value);
      case "from" -> from = value;
      case "source", "src" -> source = value;
      case "target", "dst", "destination" -> target = value;
      case "readonly", "ro" -> readOnly = Optional.of(FlagFields.truth(key, value));
      case "readwrite", "rw" -> readOnly = Optional.of(!FlagFields.truth(key, value));
      case "required" -> {
        checkType(key, Mount.Type.SECRET, Mount.Type.SSH);
        required = FlagFields.truth(key, value);
      }
      case "size" -> {
        checkType(key, Mount.Type.TMPFS);
        size =
            ByteSize.parse(value)
                .orElseThrow(
                    () -> new DockerfileException("invalid value for " + key + ": " + value));
      }
      case "id" -> id = value;
      case "sharing" -> sharing = sharing(value);
      case "mode" -> mode = OptionalLong.of(number(key, value, 8));
      case "uid" -> uid = OptionalLong.of(number(key, value, 10));
      case "gid" -> gid = OptionalLong.of(number(key, value, 10));
      case "env" -> env = Optional.of(value);
      default ->
          throw new DockerfileException(
              "unexpected key '"
                  + key
                  + "' in '"
                  + field.text()
                  + "'"
                  + Suggestions.hint(key, KEYS));
    }
  }

  private static Mount.Type type(String value) {
    String word = value.toLowerCase(Locale.ROOT);
    return Arrays.stream(Mount.Type.values())
        .filter(type -> type.word().equals(word))
        .findFirst()
        .orElseThrow(() ->
            new DockerfileException(
                "unsupported mount type " + GoQuote.of(value) + Suggestions.hint(value, TYPES)));
  }

  private static String sharing(String value) {
    String word = value.toLowerCase(Locale.ROOT);
    if (!SHARINGS.contains(word)) {
      throw new DockerfileException(
          "unsupported sharing value " + GoQuote.of(value) + Suggestions.hint(value, SHARINGS));
    }
    return word;
  }

  private static long number(String key, String value, int radix) {
    try {
      long number = DIGITS.matcher(value).matches() ? Long.parseLong(value, radix) : -1;
      if (number >= 0 && number <= UINT32_MAX) {
        return number;
      }
    } catch (NumberFormatException e) {
      // no number of this kind either
    }
    throw new DockerfileException("invalid value " + value + " for " + key);
  }

  /** The type counts that was given before the key. */
  private void checkType(String key, Mount.Type... allowed) {
    if (!List.of(allowed).contains(type)) {
      throw new DockerfileException(
          "unexpected key '" + key + "' for mount type '" + type.word() + "'");
    }
  }

  private void check() {
    switch (type) {
      case BIND, TMPFS -> {
        refuse("mode", mode);
        refuse("uid", uid);
        refuse("gid", gid);
      }
      case SECRET -> checkSecret();
      case CACHE, SSH -> {}
    }
    if (!sharing.isEmpty() && type != Mount.Type.CACHE) {
      throw new DockerfileException("invalid cache sharing set for " + type.word() + " mount");
    }
  }

  private void refuse(String key, OptionalLong value) {
    if (value.isPresent()) {
      throw new DockerfileException(key + " not allowed for \"" + type.word() + "\" type mounts");
    }
  }

  private void checkSecret() {
    if (!from.isEmpty()) {
      throw new DockerfileException("secret mount should not have a from");
    }
    if (!sharing.isEmpty()) {
      throw new DockerfileException("secret mount should not define sharing");
    }
    if (source.isEmpty() && target.isEmpty() && id.isEmpty()) {
      throw new DockerfileException("invalid secret mount. one of source, target required");
    }
    if (!source.isEmpty() && !id.isEmpty()) {
      throw new DockerfileException("both source and id can't be set");
    }
  }

  private Mount toMount() {
    boolean writable = type == Mount.Type.CACHE || type == Mount.Type.TMPFS;
    return new Mount(
        type,
        from,
        source,
        target,
        readOnly.orElse(!writable),
        size,
        id,
        sharing,
        required,
        env,
        mode,
        uid,
        gid);
  }
}
