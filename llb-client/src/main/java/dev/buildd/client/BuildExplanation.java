package dev.buildd.client;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * Why each step of a build ran or was a hit, as the daemon keeps it with the build's record.
 *
 * @param steps in the order in which they were decided
 * @param others steps that nothing was asked of, because what depends on them was in the cache
 */
public record BuildExplanation(List<Step> steps, int others) {
  /** Of JSON with an object {@code steps} and {@code others}, compressed. */
  public static final String TYPE = "application/vnd.buildd.explain.v1+json+gzip";

  /** Under what name a dry run's response has it, in base64. */
  public static final String RESPONSE = "dev.buildd.explanation";

  private static final int MAX_BYTES = 256 << 20;

  /**
   * A step.
   *
   * @param vertex its digest
   * @param outcome {@code ran}, {@code failed}, {@code cached} or, of a dry run, {@code would run}
   * @param kind {@code hit}, {@code first}, {@code forced}, {@code changed}, {@code removed} or
   *     {@code lost}
   * @param summary one line
   * @param details all that differs, a line each
   * @param build the build that it was compared with; empty if there is none
   */
  public record Step(
      String vertex,
      String name,
      String outcome,
      String kind,
      String summary,
      List<String> details,
      String build) {
    public Step {
      details = List.copyOf(details);
    }

    private Map<String, Object> json() {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("vertex", vertex);
      out.put("name", name);
      out.put("outcome", outcome);
      out.put("kind", kind);
      out.put("summary", summary);
      if (!details.isEmpty()) {
        out.put("details", details);
      }
      if (!build.isEmpty()) {
        out.put("build", build);
      }
      return out;
    }

    private static Step of(Map<String, Object> json) {
      return new Step(
          Json.text(json, "vertex"),
          Json.text(json, "name"),
          Json.text(json, "outcome"),
          Json.text(json, "kind"),
          Json.text(json, "summary"),
          Json.texts(json, "details"),
          Json.text(json, "build"));
    }
  }

  public BuildExplanation {
    steps = List.copyOf(steps);
  }

  /** As JSON. */
  public byte[] json() {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("steps", steps.stream().map(Step::json).toList());
    out.put("others", others);
    return Json.bytes(out);
  }

  /** In the form of {@link #TYPE}. */
  public byte[] toBytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream packed = new GZIPOutputStream(out)) {
      packed.write(json());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // into an array: cannot be
    }
    return out.toByteArray();
  }

  /**
   * Reads the form of {@link #TYPE}.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if it is none
   */
  public static BuildExplanation of(byte[] bytes) {
    try (GZIPInputStream packed = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
      Map<String, Object> json = Json.parseObject(packed.readNBytes(MAX_BYTES), "explanation");
      return new BuildExplanation(
          Json.objects(json, "steps").stream().map(Step::of).toList(),
          (int) Json.number(json, "others"));
    } catch (IOException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "the explanation is damaged: " + e.getMessage(), e);
    }
  }
}
