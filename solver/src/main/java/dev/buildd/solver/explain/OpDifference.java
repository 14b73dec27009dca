package dev.buildd.solver.explain;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.buildd.base.content.Digest;
import dev.buildd.base.text.GoQuote;
import dev.buildd.base.text.SecretNames;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.Meta;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.Platform;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;

/** What two operations differ in, apart from their inputs, in words. */
final class OpDifference {
  private static final int MAX_VALUE = 60;
  private static final String NOTHING = "(nothing)";

  private final List<String> out = new ArrayList<>();

  private OpDifference() {}

  /** From the earlier to the later one; empty if they are alike. */
  static List<String> of(Op earlier, Op later) {
    OpDifference difference = new OpDifference();
    difference.ops(earlier, later);
    return difference.out;
  }

  private void ops(Op a, Op b) {
    if (!a.getPlatform().equals(b.getPlatform())) {
      changed("platform", text(a.getPlatform()), text(b.getPlatform()));
    }
    if (a.hasExec() && b.hasExec()) {
      exec(a.getExec(), b.getExec());
      return;
    }
    fields("", bare(a), bare(b));
  }

  private static Op bare(Op op) {
    return op.toBuilder().clearInputs().clearPlatform().clearConstraints().build();
  }

  private static String text(Platform platform) {
    String text = platform.getOS() + "/" + platform.getArchitecture();
    return platform.getVariant().isEmpty() ? text : text + "/" + platform.getVariant();
  }

  private void exec(ExecOp a, ExecOp b) {
    Meta before = a.getMeta();
    Meta now = b.getMeta();
    if (!before.getArgsList().equals(now.getArgsList())) {
      arguments(before.getArgsList(), now.getArgsList());
    }
    byKey(
        "environment variable ",
        variables(before.getEnvList()),
        variables(now.getEnvList()),
        (name, value) -> SecretNames.isSecret(name) ? "" : value);
    byKey("mount ", mounts(a), mounts(b), (name, value) -> "");
    fields(
        "",
        before.toBuilder().clearArgs().clearEnv().build(),
        now.toBuilder().clearArgs().clearEnv().build());
    fields(
        "",
        a.toBuilder().clearMeta().clearMounts().build(),
        b.toBuilder().clearMeta().clearMounts().build());
  }

  private void arguments(List<String> a, List<String> b) {
    for (int i = 0; i < Math.max(a.size(), b.size()); i++) {
      String before = i < a.size() ? a.get(i) : NOTHING;
      String now = i < b.size() ? b.get(i) : NOTHING;
      if (!before.equals(now)) {
        changed("argument " + i, before, now);
      }
    }
  }

  private static Map<String, String> variables(List<String> environment) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String entry : environment) {
      int equals = entry.indexOf('=');
      out.put(
          equals < 0 ? entry : entry.substring(0, equals),
          equals < 0 ? "" : entry.substring(equals + 1));
    }
    return out;
  }

  /** By where they are mounted; which input it is counts with the inputs. */
  private static Map<String, String> mounts(ExecOp op) {
    Map<String, String> out = new LinkedHashMap<>();
    for (Mount mount : op.getMountsList()) {
      out.put(mount.getDest(), mount.toBuilder().clearInput().clearOutput().build().toString());
    }
    return out;
  }

  /** How a value is shown; empty if it is not. */
  @FunctionalInterface
  private interface Shown {
    String of(String name, String value);
  }

  private void byKey(String what, Map<String, String> a, Map<String, String> b, Shown shown) {
    Set<String> names = new LinkedHashSet<>(a.keySet());
    names.addAll(b.keySet());
    for (String name : names) {
      String before = a.get(name);
      String now = b.get(name);
      if (Objects.equals(before, now)) {
        continue;
      }
      if (before == null) {
        out.add(what + name + " added");
      } else if (now == null) {
        out.add(what + name + " removed");
      } else if (shown.of(name, now).isEmpty() && shown.of(name, before).isEmpty()) {
        out.add(what + name + " changed");
      } else {
        changed(what + name, before, now);
      }
    }
  }

  // --- any message, field by field

  private void fields(String path, Message a, Message b) {
    for (FieldDescriptor field : a.getDescriptorForType().getFields()) {
      Object before = a.getField(field);
      Object now = b.getField(field);
      if (before.equals(now) && presence(a, field) == presence(b, field)) {
        continue;
      }
      String name = path.isEmpty() ? name(field) : path + "." + name(field);
      if (field.isMapField()) {
        byKey(name + " ", entries(a, field), entries(b, field), (key, value) -> value);
      } else if (field.isRepeated()) {
        repeated(name, (List<?>) before, (List<?>) now);
      } else {
        one(name, present(a, field), present(b, field));
      }
    }
  }

  private static boolean presence(Message message, FieldDescriptor field) {
    return !field.isRepeated() && field.hasPresence() && message.hasField(field);
  }

  private static Object present(Message message, FieldDescriptor field) {
    return field.hasPresence() && !message.hasField(field) ? NOTHING : message.getField(field);
  }

  private static String name(FieldDescriptor field) {
    String name = field.getName();
    return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
  }

  private static Map<String, String> entries(Message message, FieldDescriptor field) {
    Map<String, String> out = new LinkedHashMap<>();
    for (Object entry : (List<?>) message.getField(field)) {
      Message pair = (Message) entry;
      List<FieldDescriptor> parts = pair.getDescriptorForType().getFields();
      out.put(String.valueOf(pair.getField(parts.get(0))), text(pair.getField(parts.get(1))));
    }
    return out;
  }

  private void repeated(String name, List<?> a, List<?> b) {
    for (int i = 0; i < Math.max(a.size(), b.size()); i++) {
      Object before = i < a.size() ? a.get(i) : NOTHING;
      Object now = i < b.size() ? b.get(i) : NOTHING;
      if (!before.equals(now)) {
        one(name + "[" + i + "]", before, now);
      }
    }
  }

  private void one(String name, Object before, Object now) {
    if (before instanceof Message a && now instanceof Message b) {
      fields(name, a, b);
    } else {
      changed(name, text(before), text(now));
    }
  }

  private static String text(Object value) {
    return switch (value) {
      case EnumValueDescriptor named -> named.getName();
      case ByteString bytes ->
          bytes.size() <= MAX_VALUE && bytes.isValidUtf8()
              ? bytes.toStringUtf8()
              : bytes.size() + " bytes, " + Digest.of(bytes.toByteArray());
      case Message message -> message.toString().replaceAll("\\s+", " ").strip();
      default -> value.toString();
    };
  }

  private void changed(String what, String before, String now) {
    Function<String, String> shown =
        text -> text.equals(NOTHING) ? text : GoQuote.of(shortened(text, before, now));
    out.add(what + ": " + shown.apply(before) + " → " + shown.apply(now));
  }

  /** Of long values, what is near the first difference. */
  private static String shortened(String text, String before, String now) {
    if (text.length() <= MAX_VALUE) {
      return text;
    }
    int same = 0;
    while (same < Math.min(before.length(), now.length())
        && before.charAt(same) == now.charAt(same)) {
      same++;
    }
    int from = Math.max(0, Math.min(same - MAX_VALUE / 3, text.length() - MAX_VALUE));
    int to = Math.min(text.length(), from + MAX_VALUE);
    return (from > 0 ? "…" : "") + text.substring(from, to) + (to < text.length() ? "…" : "");
  }
}
