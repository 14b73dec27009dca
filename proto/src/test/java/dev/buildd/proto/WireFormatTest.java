package dev.buildd.proto;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.proto.control.ControlOuterClass;
import dev.buildd.proto.encoding.GoEncoder;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.Op;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The .proto files and the op encoder against facts taken from the wire (wire.md, 2 to 14). */
class WireFormatTest {
  private static final Set<String> NAMES_OF_FILES =
      Set.of("fsutil.types.Stat 1", "fsutil.types.Stat 7");

  private static final List<FileDescriptor> FILES =
      List.of(
          ControlOuterClass.getDescriptor(),
          dev.buildd.proto.types.Worker.getDescriptor(),
          dev.buildd.proto.filesync.Filesync.getDescriptor(),
          dev.buildd.proto.auth.AuthOuterClass.getDescriptor(),
          dev.buildd.proto.secrets.SecretsOuterClass.getDescriptor(),
          dev.buildd.proto.sshforward.Ssh.getDescriptor(),
          dev.buildd.proto.upload.UploadOuterClass.getDescriptor(),
          dev.buildd.proto.exporter.ExporterOuterClass.getDescriptor(),
          dev.buildd.proto.policysession.Policysession.getDescriptor(),
          dev.buildd.proto.fsutil.Wire.getDescriptor(),
          dev.buildd.proto.fsutil.StatOuterClass.getDescriptor(),
          dev.buildd.proto.gateway.Gateway.getDescriptor(),
          dev.buildd.proto.pb.Ops.getDescriptor(),
          dev.buildd.proto.sourcepolicy.PolicyOuterClass.getDescriptor(),
          dev.buildd.proto.errdefs.Errdefs.getDescriptor(),
          dev.buildd.proto.stack.StackOuterClass.getDescriptor(),
          com.google.rpc.StatusProto.getDescriptor(),
          dev.buildd.proto.content.ContentOuterClass.getDescriptor(),
          dev.buildd.proto.otlp.collector.TraceServiceOuterClass.getDescriptor(),
          dev.buildd.proto.otlp.collector.MetricsServiceOuterClass.getDescriptor(),
          dev.buildd.proto.otlp.trace.Trace.getDescriptor(),
          dev.buildd.proto.otlp.metrics.Metrics.getDescriptor(),
          dev.buildd.proto.otlp.common.Common.getDescriptor(),
          dev.buildd.proto.otlp.resource.ResourceOuterClass.getDescriptor(),
          dev.buildd.proto.intoto.StatementOuterClass.getDescriptor(),
          dev.buildd.proto.intoto.ResourceDescriptorOuterClass.getDescriptor(),
          dev.buildd.proto.contenthash.Checksum.getDescriptor(),
          dev.buildd.proto.apicaps.Caps.getDescriptor());

  private static Stream<String> lines(String resource) throws IOException {
    InputStream in = WireFormatTest.class.getResourceAsStream(resource);
    assertThat(in).as(resource).isNotNull();
    return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))
        .lines()
        .filter(l -> !l.startsWith("#"));
  }

  @Test
  void everyFieldAndCallIsWhatIsOnTheWire() throws IOException {
    Map<String, String> facts = new TreeMap<>();
    for (FileDescriptor file : FILES) {
      for (ServiceDescriptor service : file.getServices()) {
        for (MethodDescriptor method : service.getMethods()) {
          facts.put(
              service.getFullName() + " rpc " + method.getName(),
              (method.isClientStreaming() ? "stream " : "")
                  + method.getInputType().getFullName()
                  + " -> "
                  + (method.isServerStreaming() ? "stream " : "")
                  + method.getOutputType().getFullName());
        }
      }
      file.getMessageTypes().forEach(m -> collect(facts, m));
      file.getEnumTypes().forEach(e -> collect(facts, e));
    }
    List<String> rows = lines("/wire-fields.tsv").toList();
    assertThat(rows).hasSizeGreaterThan(800);
    for (String row : rows) {
      String[] c = row.split("\t", -1);
      if (c[0].startsWith("grpc.health.")) {
        continue; // served by grpc-services' own classes
      }
      String key = c[1].equals("rpc") ? c[0] + " rpc " + c[2] : c[0] + " " + c[1];
      String fact = facts.remove(key);
      assertThat(fact).as(key).isNotNull();
      if (c[1].equals("rpc")) {
        assertThat(fact.replace("stream ", ""))
            .as(key)
            .matches(".*" + last(c[3].split(" -> ")[0]) + " -> .*" + last(c[3].split(" -> ")[1]));
        assertThat(fact.split(" -> ")[0].startsWith("stream"))
            .as(key)
            .isEqualTo(c[3].split(" -> ")[0].startsWith("stream"));
        assertThat(fact.split(" -> ")[1].startsWith("stream"))
            .as(key)
            .isEqualTo(c[3].split(" -> ")[1].startsWith("stream"));
      } else if (c[3].equals("enum")) {
        assertThat(fact).as(key).isEqualTo(c[2]);
      } else {
        String name = key.equals("moby.buildkit.v1.frontend.Blob 1") ? "blob_descriptor" : c[2];
        // names of files: the same on the wire, but not all are UTF-8 (adr/0003)
        String type = NAMES_OF_FILES.contains(key) ? "bytes" : shortened(c[3]);
        assertThat(fact)
            .as(key)
            .isEqualTo(name + " " + type + (c[4].isEmpty() ? "" : " in " + c[4]));
      }
    }
    assertThat(facts.keySet())
        .as("nothing beside the wire's facts but what is ours (wire.md section 12.4)")
        .containsExactlyInAnyOrder(
            "moby.buildkit.v1.BuildHistoryRecord 20001", "moby.buildkit.v1.SolveRequest 20001");
  }

  private static String last(String type) {
    return type.substring(type.lastIndexOf('.') + 1).replace("stream ", "");
  }

  private static String shortened(String type) {
    String plain = type.replace("repeated ", "");
    String out =
        plain.startsWith("map<")
            ? "map<"
                + last(plain.substring(4, plain.indexOf(',')))
                + ","
                + last(plain.substring(plain.indexOf(',') + 1, plain.length() - 1))
                + ">"
            : last(plain);
    return type.startsWith("repeated ") ? "repeated " + out : out;
  }

  private static void collect(Map<String, String> facts, Descriptor message) {
    for (FieldDescriptor field : message.getFields()) {
      String type;
      if (field.isMapField()) {
        type =
            "map<"
                + typeOf(field.getMessageType().findFieldByNumber(1))
                + ","
                + typeOf(field.getMessageType().findFieldByNumber(2))
                + ">";
      } else {
        type = (field.isRepeated() ? "repeated " : "") + typeOf(field);
      }
      String oneof =
          field.getRealContainingOneof() == null
              ? ""
              : " in " + field.getRealContainingOneof().getName();
      facts.put(
          message.getFullName() + " " + field.getNumber(), field.getName() + " " + type + oneof);
    }
    message.getNestedTypes().stream()
        .filter(t -> !t.getOptions().getMapEntry())
        .forEach(t -> collect(facts, t));
    message.getEnumTypes().forEach(e -> collect(facts, e));
  }

  private static void collect(Map<String, String> facts, EnumDescriptor e) {
    e.getValues().forEach(v -> facts.put(e.getFullName() + " " + v.getNumber(), v.getName()));
  }

  private static String typeOf(FieldDescriptor field) {
    return switch (field.getJavaType()) {
      case MESSAGE -> last(field.getMessageType().getFullName());
      case ENUM -> last(field.getEnumType().getFullName());
      default -> field.getType().name().toLowerCase(Locale.ROOT);
    };
  }

  static Stream<String[]> golden() throws IOException {
    return lines("/golden-ops.tsv").map(l -> l.split("\t", -1));
  }

  @ParameterizedTest
  @MethodSource("golden")
  void opsAreEncodedAsGoDoes(String name, String hex, String digest, String cacheMap)
      throws IOException {
    byte[] bytes = HexFormat.of().parseHex(hex);
    assertThat(Digest.of(bytes).hex()).as(name).isEqualTo(digest);
    assertThat(GoEncoder.encode(Op.parseFrom(bytes))).isEqualTo(ByteString.copyFrom(bytes));
  }

  @Test
  void mapEntriesAreSortedByKey() {
    Definition definition =
        Definition.newBuilder()
            .putMetadata("b", dev.buildd.proto.pb.OpMetadata.getDefaultInstance())
            .putMetadata("a", dev.buildd.proto.pb.OpMetadata.getDefaultInstance())
            .build();
    assertThat(HexFormat.of().formatHex(GoEncoder.encode(definition).toByteArray()))
        .isEqualTo("1205" + "0a0161" + "1200" + "1205" + "0a0162" + "1200");
  }

  @Test
  void jsonIsGos() throws IOException {
    Op op =
        Op.newBuilder()
            .setFile(
                dev.buildd.proto.pb.FileOp.newBuilder()
                    .addActions(
                        dev.buildd.proto.pb.FileAction.newBuilder()
                            .setOutput(-1)
                            .setMkfile(
                                dev.buildd.proto.pb.FileActionMkFile.newBuilder()
                                    .setPath("/<&>")
                                    .setData(ByteString.copyFromUtf8("x"))
                                    .setOwner(
                                        dev.buildd.proto.pb.ChownOpt.newBuilder()
                                            .setUser(
                                                dev.buildd.proto.pb.UserOpt.newBuilder()
                                                    .setByID(0))))))
            .build();
    assertThat(GoProtoJson.toJson(op))
        .isEqualTo(
            "{\"Op\":{\"file\":{\"actions\":[{\"output\":-1,\"Action\":{\"mkfile\":{\"path\":"
                + "\"/\\u003c\\u0026\\u003e\",\"data\":\"eA==\",\"owner\":{\"user\":{\"User\":"
                + "{\"byId\":0}}}}}}]}}}");
  }
}
