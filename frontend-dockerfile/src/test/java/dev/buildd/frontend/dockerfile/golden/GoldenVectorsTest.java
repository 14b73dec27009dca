package dev.buildd.frontend.dockerfile.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The frontend does with each vector what the reference did. */
class GoldenVectorsTest {
  private static final Map<String, Object> IMAGES = Vector.images();

  static List<String> names() throws Exception {
    return Vector.names();
  }

  @Test
  void allVectorsAreThere() throws Exception {
    assertThat(names()).hasSize(133);
  }

  @ParameterizedTest
  @MethodSource("names")
  void sameAsReference(String name) throws Exception {
    Vector vector = Vector.read(name);
    Map<String, Object> expected = normalized(vector.expected());
    Map<String, Object> ours = normalized(Observed.of(vector, IMAGES).members);
    assertThat(text(ours.get("error"))).as("error").isEqualTo(text(expected.get("error")));
    compareSteps(expected, ours);
    withoutOps(expected); // their bytes are told too
    withoutOps(ours);
    Set<String> names = new HashSet<>(expected.keySet());
    names.addAll(ours.keySet());
    for (String member : names.stream().sorted().toList()) {
      if (!member.equals("solves")) {
        assertThat(text(ours.get(member))).as(member).isEqualTo(text(expected.get(member)));
      }
    }
    assertThat(text(ours.get("solves"))).as("solves").isEqualTo(text(expected.get("solves")));
  }

  /** Digests first: what differs is shown as operations. */
  private static void compareSteps(Map<String, Object> expected, Map<String, Object> ours) {
    List<Map<String, Object>> theirSolves = Json.objects(expected, "solves");
    List<Map<String, Object>> ourSolves = Json.objects(ours, "solves");
    for (int i = 0; i < Math.min(theirSolves.size(), ourSolves.size()); i++) {
      List<String> theirs = Json.texts(theirSolves.get(i), "digests");
      List<String> mine = Json.texts(ourSolves.get(i), "digests");
      for (int j = 0; j < Math.max(theirs.size(), mine.size()); j++) {
        String their = j < theirs.size() ? theirs.get(j) : "none";
        String my = j < mine.size() ? mine.get(j) : "none";
        if (!their.equals(my)) {
          assertThat(op(ourSolves.get(i), j))
              .as("solve %d of %d/%d, step %d", i, ourSolves.size(), theirSolves.size(), j)
              .isEqualTo(op(theirSolves.get(i), j));
        }
        assertThat(my).as("solve %d, digest of step %d", i, j).isEqualTo(their);
      }
    }
  }

  private static void withoutOps(Map<String, Object> members) {
    for (Map<String, Object> solve : Json.objects(members, "solves")) {
      Json.objects(solve, "ops").forEach(op -> op.remove("op"));
    }
  }

  private static String op(Map<String, Object> solve, int index) {
    List<Map<String, Object>> ops = Json.objects(solve, "ops");
    if (index >= ops.size()) {
      return "none";
    }
    Map<String, Object> op = ops.get(index);
    return text(op.get("op")) + "\n" + text(op.get("metadata"));
  }

  /** Without what cannot differ or is told twice, and with what is in no order sorted. */
  private static Map<String, Object> normalized(Map<String, Object> members) {
    Map<String, Object> out = new TreeMap<>(members);
    out.remove("config"); // told apart by its hash
    List<Map<String, Object>> requests = new ArrayList<>();
    for (Map<String, Object> request : Json.objects(members, "imageRequests")) {
      Map<String, Object> full = new TreeMap<>(request);
      full.putIfAbsent("resolveMode", "default");
      requests.add(full);
    }
    requests.sort(Comparator.comparing(Object::toString));
    out.put("imageRequests", requests);
    List<Map<String, Object>> warnings = new ArrayList<>();
    Json.objects(members, "warnings").forEach(warning -> warnings.add(new TreeMap<>(warning)));
    warnings.sort(Comparator.comparing(GoldenVectorsTest::text));
    out.put("warnings", warnings);
    return out;
  }

  private static String text(@Nullable Object value) {
    return value == null
        ? "none"
        : new String(Json.indented(sorted(value)), StandardCharsets.UTF_8);
  }

  private static Object sorted(Object value) {
    return switch (value) {
      case Map<?, ?> map -> {
        Map<String, Object> out = new TreeMap<>();
        map.forEach((key, each) -> out.put(key.toString(), sorted(each)));
        yield out;
      }
      case List<?> list -> list.stream().map(GoldenVectorsTest::sorted).toList();
      default -> value;
    };
  }
}
