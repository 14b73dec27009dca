package dev.buildd.cache.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.MemoryCacheStore;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CacheConfigTest {
  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05.600Z");

  private static Digest digest(String text) {
    return Digest.of(text);
  }

  private static byte[] document(String layers, String records) {
    return ("{\"layers\":[" + layers + "],\"records\":[" + records + "]}")
        .replaceAll("'([a-z]+)'", "\"$1\"")
        .replaceAll("#([a-z]+)", Digest.of("x").toString())
        .getBytes(UTF_8);
  }

  @Test
  void zerosAreLeftOutAsGoLeavesThemOut() {
    CacheConfig config =
        new CacheConfig(
            List.of(new CacheConfig.Layer(digest("a"), -1), new CacheConfig.Layer(digest("b"), 0)),
            List.of(
                new CacheConfig.Step(digest("root"), List.of(), List.of()),
                new CacheConfig.Step(
                    digest("step"),
                    List.of(new CacheConfig.Result(List.of(0, 1), false, NOW)),
                    List.of(List.of(new CacheConfig.Input("", 0))))));
    String json = new String(config.toBytes(), UTF_8);
    assertThat(json)
        .isEqualTo(
            "{\"layers\":[{\"blob\":\""
                + digest("a")
                + "\",\"parent\":-1},{\"blob\":\""
                + digest("b")
                + "\"}],\"records\":[{\"digest\":\""
                + digest("root")
                + "\"},{\"layers\":[{\"layer\":1,\"createdAt\":\"2026-01-02T03:04:05.600Z\"}],"
                + "\"digest\":\""
                + digest("step")
                + "\",\"inputs\":[[{\"link\":0}]]}]}");
    assertThat(CacheConfig.parse(json.getBytes(UTF_8))).isEqualTo(config);
  }

  @Test
  void equalCachesAreEqualBytesWhateverTheirOrder() {
    CacheConfig.Layer a = new CacheConfig.Layer(digest("a"), -1);
    CacheConfig.Step one = new CacheConfig.Step(digest("one"), List.of(), List.of());
    CacheConfig.Step two = new CacheConfig.Step(digest("two"), List.of(), List.of());
    CacheConfig first =
        new CacheConfig(
            List.of(a, new CacheConfig.Layer(digest("b"), 0)),
            List.of(one, two, step(1, List.of(0, 1)), step(0, List.of(0))));
    CacheConfig second =
        new CacheConfig(
            List.of(new CacheConfig.Layer(digest("b"), 1), a),
            List.of(step(3, List.of(1)), step(2, List.of(1, 0)), two, one));
    assertThat(first.sorted().toBytes()).isEqualTo(second.sorted().toBytes());
    assertThat(first.sorted().sorted()).isEqualTo(first.sorted());
  }

  private static CacheConfig.Step step(int link, List<Integer> layers) {
    return new CacheConfig.Step(
        digest("three"),
        List.of(new CacheConfig.Result(layers, false, NOW)),
        List.of(List.of(new CacheConfig.Input("", link))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'digest':#x,'layers':[{'layer':1}]}",
        "{'digest':#x,'layers':[{'layer':-1}]}",
        "{'digest':#x,'chains':[{'layers':[7]}]}",
        "{'digest':#x,'inputs':[[{'link':3}]]}",
        "{'digest':#x,'inputs':[[{'link':0}]]}",
        "{'digest':#x,'inputs':[[]]}",
        "{'digest':#x,'inputs':[7]}",
        "{'digest':'none'}",
      })
  void whatLeadsNowhereIsRefused(String record) {
    String quoted = record.replace("#x", "\"" + Digest.of("x") + "\"");
    assertThatThrownBy(() ->
            CacheConfig.parse(document("{'blob':\"" + Digest.of("x") + "\",'parent':-1}", quoted)))
        .isInstanceOf(BuildException.class);
  }

  @Test
  void layersInACircleAreRefused() {
    String x = "\"" + Digest.of("x") + "\"";
    assertThatThrownBy(() ->
            CacheConfig.parse(
                document(
                    "{'blob':" + x + ",'parent':1},{'blob':" + x + "}",
                    "{'digest':" + x + ",'layers':[{'layer':0}]}")))
        .hasMessageContaining("circle");
  }

  @Test
  void whatWasCollectedIsFoundAgainElsewhere() throws Exception {
    Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
    MemoryCacheStore store = new MemoryCacheStore("here", clock);
    Digest copy = digest("copy");
    Digest run = digest("run");
    CacheKeyId content = CacheKeyId.content(digest("files"));
    CacheKeyId local = CacheKeyId.random(digest("local"), 0);
    CacheKeyId copied = CacheKeyId.of(digest("copied"));
    CacheKeyId ran = CacheKeyId.of(digest("ran"));
    CacheLink toCopy = CacheLink.of(0, 0, copy, Optional.empty());
    CacheLink toRun = CacheLink.of(0, 1, run, Optional.of(digest("/sub")));
    store.link(local, toCopy, copied);
    store.link(content, toCopy, copied);
    store.link(copied, toRun, ran);
    store.save(content, "ref-files");
    store.save(copied, "ref-copied");
    store.save(ran, "ref-ran");
    Map<String, List<Digest>> layers =
        Map.of(
            "ref-files", List.of(digest("l0")),
            "ref-copied", List.of(digest("l1")),
            "ref-ran", List.of(digest("l1"), digest("l2")));
    CacheCollector collector =
        new CacheCollector(store, r -> Optional.ofNullable(layers.get(r.resultId())));
    collector.add(ran);
    CacheConfig config = CacheConfig.parse(collector.config().toBytes());
    assertThat(config.layers()).as("files that came from outside stay there").hasSize(2);
    assertThat(config.records()).as("nothing random leaves the machine").hasSize(3);

    ImportedCache imported = new ImportedCache("there", config);
    Set<CacheKeyId> first = imported.keys().follow(content, toCopy);
    assertThat(first).hasSize(1);
    CacheKeyId found = imported.keys().follow(first.iterator().next(), toRun).iterator().next();
    String result = imported.keys().records(found).getFirst().resultId();
    assertThat(imported.layers(result)).containsExactly(digest("l1"), digest("l2"));
    assertThat(imported.keys().records(found).getFirst().createdAt()).isEqualTo(NOW);
    assertThat(imported.keys().follow(first.iterator().next(), toCopy)).isEmpty();

    MemoryCacheStore other = new MemoryCacheStore("other", clock);
    imported.copyTo(other, found);
    other.save(found, "loaded");
    assertThat(other.follow(content, toCopy)).isEqualTo(first);
    assertThat(other.follow(first.iterator().next(), toRun)).containsExactly(found);
  }
}
