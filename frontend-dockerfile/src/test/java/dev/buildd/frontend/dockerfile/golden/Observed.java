package dev.buildd.frontend.dockerfile.golden;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MapEntry;
import com.google.protobuf.Message;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.DockerfileFrontend;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.UnsupportedException;
import dev.buildd.gateway.grpc.FailureCodec;
import dev.buildd.llb.SourceMap;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.Location;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.proto.pb.SourceInfo;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** What the frontend did with a vector, in the words of {@code expected.json}. */
final class Observed {
  private static final String DOCKER_CONFIG = "containerimage.";

  private final FakeGateway gateway;
  private final Map<String, String> groups = new HashMap<>();
  final SortedMap<String, Object> members = new TreeMap<>();

  private Observed(FakeGateway gateway) {
    this.gateway = gateway;
  }

  static Observed of(Vector vector, Map<String, Object> images) throws Exception {
    FakeGateway gateway = new FakeGateway(vector, images);
    Observed out = new Observed(gateway);
    Result result = Result.empty();
    try {
      result = new DockerfileFrontend().build(gateway);
    } catch (BuildException e) {
      out.members.put("error", error(e));
    }
    out.put(result);
    return out;
  }

  private void put(Result result) {
    Map<String, Reference> named = named(result);
    List<FakeGateway.Solve> solves = ordered(named);
    List<Object> all = new ArrayList<>();
    solves.forEach(solve -> all.add(solve(solve)));
    putUnlessEmpty("solves", all);
    Map<String, Object> refs = new LinkedHashMap<>();
    named.forEach((name, reference) -> {
      for (int i = 0; i < solves.size(); i++) {
        if (solves.get(i).reference == reference) {
          refs.put(name, "solves[" + i + "]");
        }
      }
    });
    putUnlessEmpty("refs", refs);
    putUnlessEmpty("reads", firstThenSorted(gateway.reads));
    putUnlessEmpty(
        "imageRequests",
        gateway.imageRequests.stream()
            .sorted(Comparator.comparing(Object::toString))
            .map(Object.class::cast)
            .toList());
    putUnlessEmpty("sourceMetaRequests", gateway.sourceRequests.stream().sorted().toList());
    putUnlessEmpty("warnings", gateway.warnings);
    putMetadata(result);
  }

  private void putMetadata(Result result) {
    Map<String, Object> text = new TreeMap<>();
    Map<String, Object> sums = new TreeMap<>();
    Map<String, Object> configs = new TreeMap<>();
    result
        .metadata()
        .forEach((key, value) -> {
          String content = new String(value, StandardCharsets.UTF_8);
          if (key.startsWith(DOCKER_CONFIG)) {
            sums.put(key, Digest.of(value).hex());
            configs.put(key, content);
          } else {
            text.put(key, content);
          }
        });
    putUnlessEmpty("configSha256", sums);
    putUnlessEmpty("config", configs);
    putUnlessEmpty("metadata", text);
  }

  private void putUnlessEmpty(String name, Map<?, ?> value) {
    if (!value.isEmpty()) {
      members.put(name, value);
    }
  }

  private void putUnlessEmpty(String name, List<?> value) {
    if (!value.isEmpty()) {
      members.put(name, value);
    }
  }

  private static Map<String, Reference> named(Result result) {
    Map<String, Reference> out = new LinkedHashMap<>();
    result.single().ifPresent(reference -> out.put("", reference));
    new TreeMap<>(result.byName())
        .forEach((name, reference) -> reference.ifPresent(each -> out.put(name, each)));
    new TreeMap<>(result.attestations())
        .forEach((name, all) -> {
          for (int i = 0; i < all.size(); i++) {
            Attestation attestation = all.get(i);
            String key = "~att " + name + " " + i;
            attestation.reference().ifPresent(each -> out.put(key, each));
          }
        });
    return out;
  }

  private List<FakeGateway.Solve> ordered(Map<String, Reference> named) {
    Set<Reference> results = new LinkedHashSet<>(named.values());
    List<FakeGateway.Solve> out = new ArrayList<>();
    List<FakeGateway.Solve> preliminary =
        gateway.solves.stream().filter(solve -> !results.contains(solve.reference)).toList();
    if (!preliminary.isEmpty()) {
      out.add(preliminary.getFirst());
      preliminary.stream()
          .skip(1)
          .sorted(Comparator.comparing(solve -> solve.reference.source))
          .forEach(out::add);
    }
    for (Reference reference : results) {
      gateway.solves.stream().filter(solve -> solve.reference == reference).forEach(out::add);
    }
    return out;
  }

  private static List<String> firstThenSorted(List<String> all) {
    List<String> out = new ArrayList<>();
    if (!all.isEmpty()) {
      out.add(all.getFirst());
      all.stream().skip(1).sorted().forEach(out::add);
    }
    return out;
  }

  // --- solves ---

  private Map<String, Object> solve(FakeGateway.Solve solve) {
    Map<String, Object> out = new TreeMap<>();
    if (solve.request.definition().isEmpty()) {
      out.put("kind", "forward");
      out.put("frontend", solve.request.frontend());
      out.put("frontendOpt", new TreeMap<>(solve.request.options()));
      if (!solve.request.inputs().isEmpty()) {
        Map<String, Object> inputs = new TreeMap<>();
        solve
            .request
            .inputs()
            .forEach((name, definition) -> inputs.put(name, digests(definition.toProto())));
        out.put("frontendInputs", inputs);
      }
      return out;
    }
    Definition definition = solve.request.definition().get().toProto();
    out.put("kind", "llb");
    if (solve.request.evaluate()) {
      out.put("evaluate", true);
    }
    if (!solve.request.cacheImports().isEmpty()) {
      out.put(
          "cacheImports",
          solve.request.cacheImports().stream()
              .map(entry -> Map.of("type", entry.type(), "attrs", entry.attrs()))
              .toList());
    }
    List<Object> ops = new ArrayList<>();
    definition.getDefList().forEach(bytes -> ops.add(op(bytes, definition)));
    if (!ops.isEmpty()) {
      out.put("digests", digests(definition));
      out.put("ops", ops);
    }
    if (definition.getSource().getInfosCount() > 0) {
      out.put(
          "sources", definition.getSource().getInfosList().stream().map(Observed::info).toList());
    }
    return out;
  }

  private static List<String> digests(Definition definition) {
    return definition.getDefList().stream().map(Observed::digest).toList();
  }

  private static String digest(ByteString bytes) {
    return Digest.of(bytes.toByteArray()).toString();
  }

  private Map<String, Object> op(ByteString bytes, Definition definition) {
    Map<String, Object> out = new TreeMap<>();
    String digest = digest(bytes);
    out.put("digest", digest);
    try {
      out.put("op", fields(Op.parseFrom(bytes)));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
    out.put("bytes", Base64.getEncoder().encodeToString(bytes.toByteArray()));
    if (definition.containsMetadata(digest)) {
      out.put("metadata", metadata(definition.getMetadataOrThrow(digest)));
    }
    if (definition.getSource().containsLocations(digest)) {
      List<Object> locations = new ArrayList<>();
      for (Location location :
          definition.getSource().getLocationsOrThrow(digest).getLocationsList()) {
        Map<String, Object> place = new TreeMap<>();
        place.put("source", (long) location.getSourceIndex());
        place.put(
            "ranges", ranges(location.getRangesList().stream().map(SourceMap.Span::of).toList()));
        locations.add(place);
      }
      if (!locations.isEmpty()) {
        out.put("locations", locations); // the vectors leave empty ones out
      }
    }
    return out;
  }

  /** As protobuf's JSON, but with the names of the fields as they are declared. */
  private static Map<String, Object> fields(Message message) {
    Map<String, Object> out = new TreeMap<>();
    message
        .getAllFields()
        .forEach((field, value) -> {
          if (field.isMapField()) {
            Map<String, Object> map = new TreeMap<>();
            for (Object each : (List<?>) value) {
              MapEntry<?, ?> entry = (MapEntry<?, ?>) each;
              map.put(entry.getKey().toString(), entry.getValue());
            }
            out.put(field.getName(), map);
          } else if (field.isRepeated()) {
            out.put(field.getName(), ((List<?>) value).stream().map(Observed::field).toList());
          } else {
            out.put(field.getName(), field(value));
          }
        });
    return out;
  }

  private static Object field(Object value) {
    return switch (value) {
      case Message message -> fields(message);
      case EnumValueDescriptor number -> number.getName();
      case ByteString bytes -> Base64.getEncoder().encodeToString(bytes.toByteArray());
      case Long number -> number.toString();
      case Integer number -> number.longValue();
      default -> value;
    };
  }

  static List<Object> ranges(List<SourceMap.Span> spans) {
    return spans.stream()
        .map(span -> (Object) List.of((long) span.startLine(), (long) span.endLine()))
        .toList();
  }

  private Map<String, Object> metadata(OpMetadata metadata) {
    Map<String, Object> out = new TreeMap<>();
    if (metadata.getDescriptionCount() > 0) {
      out.put("description", new TreeMap<>(metadata.getDescriptionMap()));
    }
    if (metadata.getIgnoreCache()) {
      out.put("ignore_cache", true);
    }
    if (metadata.getCapsCount() > 0) {
      out.put("caps", metadata.getCapsMap().keySet().stream().sorted().toList());
    }
    if (metadata.hasProgressGroup()) {
      Map<String, Object> group = new TreeMap<>();
      group.put(
          "id",
          groups.computeIfAbsent(
              metadata.getProgressGroup().getId(), id -> "<group-" + (groups.size() + 1) + ">"));
      group.put("name", metadata.getProgressGroup().getName());
      group.put("weak", metadata.getProgressGroup().getWeak());
      out.put("progress_group", group);
    }
    if (metadata.hasLinuxResources()) {
      out.put("linux_resources", json(GoProtoJson.toJson(metadata.getLinuxResources())));
    }
    if (metadata.hasExportCache()) {
      out.put("export_cache", metadata.getExportCache().getValue());
    }
    return out;
  }

  private static Map<String, Object> info(SourceInfo info) {
    Map<String, Object> out = new TreeMap<>();
    out.put("filename", info.getFilename());
    if (!info.getLanguage().isEmpty()) {
      out.put("language", info.getLanguage());
    }
    out.put("dataSha256", Digest.of(info.getData().toByteArray()).hex());
    if (info.getDefinition().getDefCount() > 0) {
      out.put(
          "definitionHead",
          digest(info.getDefinition().getDef(info.getDefinition().getDefCount() - 1)));
    }
    return out;
  }

  private static Map<String, Object> json(String text) {
    return Json.parseObject(text.getBytes(StandardCharsets.UTF_8), "message");
  }

  // --- errors ---

  private static Map<String, Object> error(BuildException failure) {
    Map<String, Object> out = new TreeMap<>();
    out.put("message", String.valueOf(failure.getMessage()));
    String name = failure.category().name();
    out.put("code", name.charAt(0) + name.substring(1).toLowerCase(java.util.Locale.ROOT));
    List<Object> details = new ArrayList<>();
    List<Object> sources = new ArrayList<>();
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof SolveException solve) {
        FailureCodec.details(solve.where()).forEach(any -> details.add(detail(any)));
        for (SolveException.Place place : solve.places()) {
          Map<String, Object> source = new TreeMap<>();
          source.put("filename", place.source().filename());
          source.put("ranges", ranges(place.spans()));
          sources.addFirst(source);
        }
      } else if (t instanceof UnsupportedException unsupported) {
        details.add(detail(FailureCodec.detail(unsupported)));
      }
    }
    if (!details.isEmpty()) {
      out.put("details", details);
    }
    if (!sources.isEmpty()) {
      out.put("sources", sources);
    }
    return out;
  }

  private static Map<String, Object> detail(Any any) {
    Map<String, Object> json = json(any.getValue().toStringUtf8());
    Map<String, Object> info = Json.object(json, "info");
    if (!info.isEmpty()) {
      info.remove("data");
      info.remove("definition");
    }
    return new TreeMap<>(Map.of("type_url", any.getTypeUrl(), "json", json));
  }
}
