package dev.buildd.llb;

import dev.buildd.base.content.Platform;
import dev.buildd.proto.pb.ExportCache;
import dev.buildd.proto.pb.LinuxResources;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.proto.pb.ProgressGroup;
import dev.buildd.proto.pb.WorkerConstraints;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Where and how a step is to run, and what is said about it; gathered from options. */
public final class Constraints {
  @Nullable Platform platform;
  final List<String> workerFilters = new ArrayList<>();
  boolean ignoreCache;
  final SortedMap<String, String> description = new TreeMap<>();
  @Nullable Boolean exportCache;
  final SortedSet<String> caps = new TreeSet<>();
  @Nullable ProgressGroup progressGroup;
  LinuxResources.@Nullable Builder linuxResources;
  final List<SourceLocation> locations = new ArrayList<>();

  Constraints() {}

  static Constraints of(ConstraintsOption... options) {
    Constraints constraints = new Constraints();
    for (ConstraintsOption option : options) {
      option.applyTo(constraints);
    }
    return constraints;
  }

  /** These, overridden by the others where those say something. */
  Constraints with(Constraints others) {
    Constraints out = new Constraints();
    for (Constraints from : List.of(this, others)) {
      out.platform = from.platform == null ? out.platform : from.platform;
      out.workerFilters.addAll(from.workerFilters);
      out.ignoreCache |= from.ignoreCache;
      out.description.putAll(from.description);
      out.exportCache = from.exportCache == null ? out.exportCache : from.exportCache;
      out.caps.addAll(from.caps);
      out.progressGroup = from.progressGroup == null ? out.progressGroup : from.progressGroup;
      out.linuxResources = from.linuxResources == null ? out.linuxResources : from.linuxResources;
    }
    return out;
  }

  LinuxResources.Builder resources() {
    LinuxResources.Builder known = linuxResources;
    if (known == null) {
      known = LinuxResources.newBuilder();
      linuxResources = known;
    }
    return known;
  }

  /** An operation to be filled, with what every one carries. */
  Op.Builder newOp(Encoding encoding, boolean platformSpecific) {
    Op.Builder op = Op.newBuilder();
    if (encoding == Encoding.SEED) {
      return op;
    }
    op.setConstraints(WorkerConstraints.newBuilder().addAllFilter(workerFilters));
    if (platformSpecific) {
      op.setPlatform(
          PlatformMessages.toProto(platform == null ? Platform.host().normalized() : platform));
    }
    return op;
  }

  OpMetadata metadata(Encoding encoding) {
    OpMetadata.Builder out = OpMetadata.newBuilder().setIgnoreCache(ignoreCache);
    if (encoding == Encoding.SEED) {
      return out.build();
    }
    out.putAllDescription(description);
    if (exportCache != null) {
      out.setExportCache(ExportCache.newBuilder().setValue(exportCache));
    }
    caps.forEach(cap -> out.putCaps(cap, true));
    if (progressGroup != null) {
      out.setProgressGroup(progressGroup);
    }
    if (linuxResources != null) {
      out.setLinuxResources(linuxResources);
    }
    return out.build();
  }
}
