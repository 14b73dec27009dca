package dev.buildd.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.HttpUrl;
import dev.buildd.base.json.Json;
import java.io.IOException;
import java.net.URLEncoder;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which manifests refer to another: a page of the registry's list, or the index under the tag that
 * stands in for the list where the registry keeps none (distribution-spec 1.1, listing referrers
 * and referrers tag schema).
 *
 * @param path below the repository
 */
record ReferrersQuestion(String path) implements Endpoints.Question<ReferrersQuestion.Page> {
  private static final Pattern NEXT =
      Pattern.compile("<([^>]*)>[^,<]*;\\s*rel=\"?next\"?(?=[;,\\s]|$)");

  /**
   * A part of the list.
   *
   * @param next where it goes on
   */
  record Page(List<Referrer> referrers, Optional<ReferrersQuestion> next) {}

  /**
   * @param artifactType what to list only; a registry may list more
   */
  static ReferrersQuestion to(Digest subject, Optional<String> artifactType) {
    return new ReferrersQuestion(
        "/referrers/"
            + subject
            + artifactType
                .map(type -> "?artifactType=" + URLEncoder.encode(type, UTF_8))
                .orElse(""));
  }

  static ReferrersQuestion tag(Digest subject) {
    return new ReferrersQuestion("/manifests/" + subject.algorithm().text() + "-" + subject.hex());
  }

  @Override
  public String subject() {
    return ": " + path.substring(1);
  }

  @Override
  public Map<String, String> headers() {
    return Map.of("Accept", MediaType.OCI_INDEX);
  }

  @Override
  public Page read(Endpoints.Answer answer) throws IOException {
    Map<String, Object> index = Json.parseObject(answer.document(), "referrers");
    List<Referrer> referrers =
        Json.objects(index, "manifests").stream()
            .map(json ->
                new Referrer(ImageManifest.descriptor(json), Json.text(json, "artifactType")))
            .toList();
    Matcher link = NEXT.matcher(answer.header("Link"));
    return new Page(
        referrers, link.find() ? Optional.of(next(answer, link.group(1))) : Optional.empty());
  }

  private ReferrersQuestion next(Endpoints.Answer answer, String link) {
    String target;
    try {
      target = HttpUrl.parse(answer.repository() + path).resolve(link).toString();
    } catch (IllegalArgumentException e) {
      throw BuildException.invalid("list of referrers goes on at an invalid address");
    }
    if (!target.startsWith(answer.repository() + "/referrers/")) {
      throw BuildException.invalid("list of referrers goes on outside of its repository");
    }
    return new ReferrersQuestion(target.substring(answer.repository().length()));
  }
}
