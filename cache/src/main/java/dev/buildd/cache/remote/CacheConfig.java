package dev.buildd.cache.remote;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A build cache as a document (wire.md section 15.1, {@code cacheconfig.v0}): steps by their
 * digests, what each follows from, and the layers that its result is made of.
 */
public record CacheConfig(List<Layer> layers, List<Step> records) {
  public static final String MEDIA_TYPE = "application/vnd.buildkit.cacheconfig.v0";

  private static final int NONE = -1;

  /**
   * @param parent the index of the layer below it, or -1
   */
  public record Layer(Digest blob, int parent) {}

  /**
   * @param layers the indexes of a result's layers, lowest first
   * @param chained whether they are written one by one, because no chain of parents has them
   */
  public record Result(List<Integer> layers, boolean chained, Instant createdAt) {
    int top() {
      return layers.getLast();
    }
  }

  /**
   * What a step takes from an earlier one.
   *
   * @param selector empty for all of it
   * @param link the index of the earlier step's record
   */
  public record Input(String selector, int link) {}

  /**
   * One step's output.
   *
   * @param inputs for each input of the step the records it may come from
   */
  public record Step(Digest digest, List<Result> results, List<List<Input>> inputs) {}

  /** Several caches as one. */
  public static CacheConfig joined(List<CacheConfig> all) {
    if (all.size() == 1) {
      return all.getFirst();
    }
    List<Layer> layers = new ArrayList<>();
    List<Step> records = new ArrayList<>();
    for (CacheConfig one : all) {
      int layerBase = layers.size();
      int recordBase = records.size();
      for (Layer layer : one.layers) {
        layers.add(
            new Layer(layer.blob(), layer.parent() == NONE ? NONE : layer.parent() + layerBase));
      }
      for (Step step : one.records) {
        records.add(
            new Step(
                step.digest(),
                step.results().stream()
                    .map(r ->
                        new Result(
                            r.layers().stream().map(l -> l + layerBase).toList(),
                            r.chained(),
                            r.createdAt()))
                    .toList(),
                step.inputs().stream()
                    .map(in ->
                        in.stream()
                            .map(i -> new Input(i.selector(), i.link() + recordBase))
                            .toList())
                    .toList()));
      }
    }
    return new CacheConfig(layers, records);
  }

  /** Documents are given out with everything in one order, so that equal caches are equal bytes. */
  public CacheConfig sorted() {
    List<Integer> layerOrder = IntStream.range(0, layers.size()).boxed().toList();
    layerOrder =
        layerOrder.stream()
            .sorted(
                Comparator.<Integer, String>comparing(i -> layers.get(i).blob().toString())
                    .thenComparingInt(i -> layers.get(i).parent()))
            .toList();
    int[] layerPlace = places(layerOrder);
    List<Layer> sortedLayers = new ArrayList<>();
    for (int i : layerOrder) {
      Layer layer = layers.get(i);
      sortedLayers.add(
          new Layer(layer.blob(), layer.parent() == NONE ? NONE : layerPlace[layer.parent()]));
    }
    List<Integer> recordOrder =
        IntStream.range(0, records.size()).boxed().sorted(this::compareRecords).toList();
    int[] recordPlace = places(recordOrder);
    List<Step> sortedRecords = new ArrayList<>();
    for (int i : recordOrder) {
      Step record = records.get(i);
      sortedRecords.add(
          new Step(
              record.digest(),
              record.results().stream()
                  .map(r ->
                      new Result(
                          r.layers().stream().map(l -> layerPlace[l]).toList(),
                          r.chained(),
                          r.createdAt()))
                  .toList(),
              record.inputs().stream()
                  .map(all ->
                      all.stream()
                          .map(in -> new Input(in.selector(), recordPlace[in.link()]))
                          .sorted(Comparator.comparingInt(Input::link))
                          .toList())
                  .toList()));
    }
    return new CacheConfig(sortedLayers, sortedRecords);
  }

  private static int[] places(List<Integer> order) {
    int[] out = new int[order.size()];
    for (int i = 0; i < order.size(); i++) {
      out[order.get(i)] = i;
    }
    return out;
  }

  private int compareRecords(int a, int b) {
    Step x = records.get(a);
    Step y = records.get(b);
    int order = x.digest().toString().compareTo(y.digest().toString());
    order = order != 0 ? order : Integer.compare(x.inputs().size(), y.inputs().size());
    for (int i = 0; order == 0 && i < x.inputs().size(); i++) {
      order = compareInputs(x.inputs().get(i), y.inputs().get(i));
    }
    return order;
  }

  private int compareInputs(List<Input> x, List<Input> y) {
    int order = Integer.compare(x.size(), y.size());
    for (int i = 0; order == 0 && i < x.size(); i++) {
      order = x.get(i).selector().compareTo(y.get(i).selector());
      if (order == 0) {
        order =
            records
                .get(x.get(i).link())
                .digest()
                .toString()
                .compareTo(records.get(y.get(i).link()).digest().toString());
      }
    }
    return order;
  }

  // --- as JSON ---

  public byte[] toBytes() {
    Map<String, Object> out = new LinkedHashMap<>();
    if (!layers.isEmpty()) {
      List<Object> all = new ArrayList<>();
      for (Layer layer : layers) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("blob", layer.blob().toString());
        if (layer.parent() != 0) { // as Go leaves zeros out
          one.put("parent", (long) layer.parent());
        }
        all.add(one);
      }
      out.put("layers", all);
    }
    if (!records.isEmpty()) {
      out.put("records", recordsJson());
    }
    return Json.bytes(out);
  }

  /** The records alone, as they stand in an image's config ({@code moby.buildkit.cache.v0}). */
  public byte[] recordsToBytes() {
    return Json.bytes(recordsJson());
  }

  private List<Object> recordsJson() {
    List<Object> out = new ArrayList<>();
    for (Step record : records) {
      Map<String, Object> one = new LinkedHashMap<>();
      List<Object> plain = new ArrayList<>();
      List<Object> chained = new ArrayList<>();
      for (Result result : record.results()) {
        Map<String, Object> json = new LinkedHashMap<>();
        if (result.chained()) {
          json.put("layers", result.layers().stream().map(Integer::longValue).toList());
        } else {
          json.put("layer", (long) result.top());
        }
        json.put("createdAt", result.createdAt().toString());
        (result.chained() ? chained : plain).add(json);
      }
      if (!plain.isEmpty()) {
        one.put("layers", plain);
      }
      if (!chained.isEmpty()) {
        one.put("chains", chained);
      }
      one.put("digest", record.digest().toString());
      if (!record.inputs().isEmpty()) {
        one.put("inputs", record.inputs().stream().map(CacheConfig::inputsJson).toList());
      }
      out.add(one);
    }
    return out;
  }

  private static List<Object> inputsJson(List<Input> inputs) {
    List<Object> out = new ArrayList<>();
    for (Input input : inputs) {
      Map<String, Object> one = new LinkedHashMap<>();
      if (!input.selector().isEmpty()) {
        one.put("selector", input.selector());
      }
      one.put("link", (long) input.link());
      out.add(one);
    }
    return out;
  }

  /**
   * Reads a document that anybody may have written.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if an index leads nowhere or in circles
   */
  public static CacheConfig parse(byte[] json) {
    Map<String, Object> document = Json.parseObject(json, "cache config");
    List<Layer> layers = new ArrayList<>();
    for (Map<String, Object> one : Json.objects(document, "layers")) {
      layers.add(new Layer(Digest.parse(Json.text(one, "blob")), (int) Json.number(one, "parent")));
    }
    return new CacheConfig(layers, records(document, layers));
  }

  /** Reads the records of an image's config; its layers lie one on the other. */
  public static CacheConfig parseRecords(byte[] json, List<Digest> blobs) {
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < blobs.size(); i++) {
      layers.add(new Layer(blobs.get(i), i - 1));
    }
    byte[] wrapped =
        ("{\"records\":" + new String(json, StandardCharsets.UTF_8) + "}")
            .getBytes(StandardCharsets.UTF_8);
    return new CacheConfig(layers, records(Json.parseObject(wrapped, "inline cache"), layers));
  }

  private static List<Step> records(Map<String, Object> document, List<Layer> layers) {
    List<Map<String, Object>> all = Json.objects(document, "records");
    List<Step> out = new ArrayList<>();
    for (Map<String, Object> one : all) {
      List<Result> results = new ArrayList<>();
      for (Map<String, Object> result : Json.objects(one, "layers")) {
        results.add(
            new Result(chain(layers, (int) Json.number(result, "layer")), false, time(result)));
      }
      for (Map<String, Object> result : Json.objects(one, "chains")) {
        List<Integer> chain = new ArrayList<>();
        for (Object index : list(result.get("layers"))) {
          chain.add(checked(index instanceof Long l ? l.intValue() : NONE, layers.size()));
        }
        if (!chain.isEmpty()) {
          results.add(new Result(chain, true, time(result)));
        }
      }
      out.add(new Step(Digest.parse(Json.text(one, "digest")), results, inputs(one, all.size())));
    }
    checkNoCircles(out);
    return out;
  }

  private static List<List<Input>> inputs(Map<String, Object> record, int records) {
    List<List<Input>> out = new ArrayList<>();
    for (Object alternatives : list(record.get("inputs"))) {
      List<Input> some = new ArrayList<>();
      for (Map<String, Object> input : Json.objects(Map.of("inputs", alternatives), "inputs")) {
        some.add(
            new Input(
                Json.text(input, "selector"), checked((int) Json.number(input, "link"), records)));
      }
      if (some.isEmpty()) {
        throw BuildException.invalid("cache config: an input that follows from nothing");
      }
      out.add(some);
    }
    return out;
  }

  private static List<?> list(@org.jspecify.annotations.Nullable Object value) {
    return switch (value) {
      case null -> List.of();
      case List<?> list -> list;
      default -> throw BuildException.invalid("cache config: not a list: " + value);
    };
  }

  private static int checked(int index, int size) {
    if (index < 0 || index >= size) {
      throw BuildException.invalid("cache config: invalid index " + index);
    }
    return index;
  }

  private static List<Integer> chain(List<Layer> layers, int top) {
    List<Integer> out = new ArrayList<>();
    for (int at = top; at != NONE; at = layers.get(at).parent()) {
      checked(at, layers.size());
      if (out.size() > layers.size()) {
        throw BuildException.invalid("cache config: layers in a circle");
      }
      out.add(at);
    }
    if (out.isEmpty()) {
      throw BuildException.invalid("cache config: invalid index " + top);
    }
    return out.reversed();
  }

  private static Instant time(Map<String, Object> result) {
    String text = Json.text(result, "createdAt");
    try {
      return text.isEmpty() ? Instant.EPOCH : OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeParseException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "cache config: invalid time \"" + text + "\"", e);
    }
  }

  private static void checkNoCircles(List<Step> records) {
    int[] waiting = new int[records.size()];
    List<List<Integer>> followers = new ArrayList<>();
    for (int i = 0; i < records.size(); i++) {
      followers.add(new ArrayList<>());
    }
    for (int i = 0; i < records.size(); i++) {
      for (List<Input> inputs : records.get(i).inputs()) {
        for (Input input : inputs) {
          waiting[i]++;
          followers.get(input.link()).add(i);
        }
      }
    }
    List<Integer> ready = new ArrayList<>();
    for (int i = 0; i < records.size(); i++) {
      if (waiting[i] == 0) {
        ready.add(i);
      }
    }
    int done = 0;
    while (!ready.isEmpty()) {
      done++;
      for (int follower : followers.get(ready.removeLast())) {
        if (--waiting[follower] == 0) {
          ready.add(follower);
        }
      }
    }
    if (done < records.size()) {
      throw BuildException.invalid("cache config: records in a circle");
    }
  }
}
