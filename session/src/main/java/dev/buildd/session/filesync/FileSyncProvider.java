package dev.buildd.session.filesync;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.filesync.FileSyncGrpc;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.Attachable;
import dev.buildd.session.filesync.source.DirectorySource;
import dev.buildd.session.filesync.source.FileSyncRequest;
import dev.buildd.session.filesync.source.FilteredSource;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.session.filesync.source.StatMapper;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import dev.buildd.session.filesync.transfer.Sender;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Metadata;
import io.grpc.ServerServiceDefinition;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Offers directories of this machine to the daemon, by name. */
public final class FileSyncProvider implements Attachable {
  private final Map<String, FsSource> directories;

  public FileSyncProvider(Map<String, ? extends FsSource> directories) {
    this.directories = Map.copyOf(directories);
  }

  /** Offers directories as build contexts: everything in them belongs to root. */
  public static FileSyncProvider ofDirectories(Map<String, Path> directories) {
    Map<String, FsSource> sources = new LinkedHashMap<>();
    directories.forEach(
        (name, path) -> sources.put(name, new DirectorySource(path, StatMapper.ROOT_OWNED)));
    return new FileSyncProvider(sources);
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(FileSyncGrpc.SERVICE_NAME)
            .addMethod(FileSyncGrpc.getDiffCopyMethod(), Handlers.streaming(this::diffCopy))
            .build());
  }

  private void diffCopy(MessageStream<Packet, Packet> call, Metadata headers) throws Exception {
    FileSyncRequest request = Headers.request(headers);
    FsSource directory = directories.get(request.dirName());
    if (directory == null) {
      throw BuildException.notFound("no access allowed to dir \"" + request.dirName() + "\"");
    }
    new Sender(
            new GrpcPackets(call),
            FilteredSource.select(directory, request),
            ReceiveOptions.Progress.none())
        .run();
  }
}
