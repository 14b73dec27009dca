package dev.buildd.gateway.grpc;

import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.ContainerRequest.Content;
import dev.buildd.gateway.ContainerRequest.FileOption;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.llb.PlatformMessages;
import dev.buildd.proto.gateway.InitMessage;
import dev.buildd.proto.gateway.NewContainerRequest;
import dev.buildd.proto.pb.CacheOpt;
import dev.buildd.proto.pb.CacheSharingOpt;
import dev.buildd.proto.pb.HostIP;
import dev.buildd.proto.pb.Meta;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.NetMode;
import dev.buildd.proto.pb.SSHOpt;
import dev.buildd.proto.pb.SecretEnv;
import dev.buildd.proto.pb.SecretOpt;
import dev.buildd.proto.pb.SecurityMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Containers of frontends and their processes, as they go over the wire (wire.md section 6.1); of
 * use to both ends. A value that an enumeration does not have is refused: whoever took it for the
 * default would confine less than was asked for (GHSA-7236-3392-c5c6).
 */
public final class ContainerMessages {
  static final int STDIN = 0;
  static final int STDOUT = 1;
  static final int STDERR = 2;

  private ContainerMessages() {}

  // --- containers ---

  static NewContainerRequest toProto(String id, ContainerRequest request) {
    NewContainerRequest.Builder out =
        NewContainerRequest.newBuilder()
            .setContainerID(id)
            .setHostname(request.hostname())
            .setNetwork(
                switch (request.network()) {
                  case SANDBOX -> NetMode.UNSET;
                  case HOST -> NetMode.HOST;
                  case NONE -> NetMode.NONE;
                });
    request.mounts().forEach(mount -> out.addMounts(toProto(mount)));
    request
        .extraHosts()
        .forEach(host ->
            out.addExtraHosts(HostIP.newBuilder().setHost(host.name()).setIP(host.address())));
    request.platform().ifPresent(platform -> out.setPlatform(PlatformMessages.toProto(platform)));
    return out.build();
  }

  private static Mount toProto(ContainerRequest.Mount mount) {
    Mount.Builder out =
        Mount.newBuilder()
            .setDest(mount.destination())
            .setSelector(mount.selector())
            .setReadonly(mount.readOnly());
    switch (mount.content()) {
      case Content.Files(String id) -> out.setMountType(MountType.BIND).setResultID(id);
      case Content.Cache(String base, String id, ContainerRequest.Sharing sharing) ->
          out.setMountType(MountType.CACHE)
              .setResultID(base)
              .setCacheOpt(
                  CacheOpt.newBuilder()
                      .setID(id)
                      .setSharing(
                          switch (sharing) {
                            case SHARED -> CacheSharingOpt.SHARED;
                            case PRIVATE -> CacheSharingOpt.PRIVATE;
                            case LOCKED -> CacheSharingOpt.LOCKED;
                          }));
      case Content.Memory _ -> out.setMountType(MountType.TMPFS);
      case Content.Secret(FileOption file) ->
          out.setMountType(MountType.SECRET)
              .setSecretOpt(
                  SecretOpt.newBuilder()
                      .setID(file.id())
                      .setUid(file.uid())
                      .setGid(file.gid())
                      .setMode(file.mode())
                      .setOptional(file.optional()));
      case Content.SshAgent(FileOption file) ->
          out.setMountType(MountType.SSH)
              .setSSHOpt(
                  SSHOpt.newBuilder()
                      .setID(file.id())
                      .setUid(file.uid())
                      .setGid(file.gid())
                      .setMode(file.mode())
                      .setOptional(file.optional()));
    }
    return out.build();
  }

  /** The container, without the id that the frontend gives it. */
  public static ContainerRequest of(NewContainerRequest request) {
    return new ContainerRequest(
        request.getMountsList().stream().map(ContainerMessages::of).toList(),
        switch (request.getNetwork()) {
          case UNSET -> ContainerRequest.Network.SANDBOX;
          case HOST -> ContainerRequest.Network.HOST;
          case NONE -> ContainerRequest.Network.NONE;
          case UNRECOGNIZED ->
              throw BuildException.invalid("invalid network mode " + request.getNetworkValue());
        },
        request.hasPlatform()
            ? Optional.of(PlatformMessages.of(request.getPlatform()))
            : Optional.empty(),
        request.getExtraHostsList().stream()
            .map(host -> new ContainerRequest.ExtraHost(host.getHost(), host.getIP()))
            .toList(),
        request.getHostname());
  }

  private static ContainerRequest.Mount of(Mount mount) {
    return new ContainerRequest.Mount(
        mount.getDest(), content(mount), mount.getSelector(), mount.getReadonly());
  }

  private static Content content(Mount mount) {
    return switch (mount.getMountType()) {
      case BIND -> new Content.Files(mount.getResultID());
      case CACHE -> {
        if (!mount.hasCacheOpt()) {
          throw BuildException.invalid("missing cache mount options");
        }
        yield new Content.Cache(
            mount.getResultID(), mount.getCacheOpt().getID(), sharing(mount.getCacheOpt()));
      }
      case TMPFS -> new Content.Memory();
      case SECRET -> {
        SecretOpt secret = mount.getSecretOpt();
        yield new Content.Secret(
            new FileOption(
                secret.getID(),
                secret.getUid(),
                secret.getGid(),
                secret.getMode(),
                secret.getOptional()));
      }
      case SSH -> {
        SSHOpt ssh = mount.getSSHOpt();
        yield new Content.SshAgent(
            new FileOption(
                ssh.getID(), ssh.getUid(), ssh.getGid(), ssh.getMode(), ssh.getOptional()));
      }
      case UNRECOGNIZED ->
          throw BuildException.invalid(
              "mount type " + mount.getMountTypeValue() + " not implemented");
    };
  }

  private static ContainerRequest.Sharing sharing(CacheOpt option) {
    return switch (option.getSharing()) {
      case SHARED -> ContainerRequest.Sharing.SHARED;
      case PRIVATE -> ContainerRequest.Sharing.PRIVATE;
      case LOCKED -> ContainerRequest.Sharing.LOCKED;
      case UNRECOGNIZED ->
          throw BuildException.invalid("invalid cache sharing " + option.getSharingValue());
    };
  }

  // --- processes ---

  static InitMessage toProto(String container, ProcessRequest process) {
    InitMessage.Builder out =
        InitMessage.newBuilder()
            .setContainerID(container)
            .setMeta(
                Meta.newBuilder()
                    .addAllArgs(process.args())
                    .addAllEnv(process.env())
                    .setCwd(process.cwd())
                    .setUser(process.user())
                    .setRemoveMountStubsRecursive(process.removeMountStubs()))
            .setTty(process.streams().terminal())
            .setSecurity(
                switch (process.security()) {
                  case SANDBOX -> SecurityMode.SANDBOX;
                  case INSECURE -> SecurityMode.INSECURE;
                })
            .addAllFds(descriptors(process.streams()));
    for (ProcessRequest.SecretVariable secret : process.secretEnv()) {
      out.addSecretenv(
          SecretEnv.newBuilder()
              .setName(secret.name())
              .setID(secret.id())
              .setOptional(secret.optional()));
    }
    return out.build();
  }

  private static List<Integer> descriptors(ProcessRequest.Streams streams) {
    List<Integer> out = new ArrayList<>();
    if (streams.hasInput()) {
      out.add(STDIN);
    }
    out.add(STDOUT);
    out.add(STDERR);
    return out;
  }

  /** The process, with the streams that the receiver has made for it. */
  public static ProcessRequest of(InitMessage message, ProcessRequest.Streams streams) {
    Meta meta = message.getMeta();
    return new ProcessRequest(
        meta.getArgsList(),
        meta.getEnvList(),
        message.getSecretenvList().stream()
            .map(secret ->
                new ProcessRequest.SecretVariable(
                    secret.getName(), secret.getID(), secret.getOptional()))
            .toList(),
        meta.getCwd(),
        meta.getUser(),
        switch (message.getSecurity()) {
          case SANDBOX -> ProcessRequest.Security.SANDBOX;
          case INSECURE -> ProcessRequest.Security.INSECURE;
          case UNRECOGNIZED ->
              throw BuildException.invalid("invalid security mode " + message.getSecurityValue());
        },
        meta.getRemoveMountStubsRecursive(),
        streams);
  }
}
