package dev.buildd.llb;

import dev.buildd.proto.pb.ProxyEnv;

/** Proxies that a command is told of, though they are no part of what makes its result. */
public record ProxyVariables(String http, String https, String ftp, String no, String all) {
  ProxyEnv toProto() {
    return ProxyEnv.newBuilder()
        .setHttpProxy(http)
        .setHttpsProxy(https)
        .setFtpProxy(ftp)
        .setNoProxy(no)
        .setAllProxy(all)
        .build();
  }
}
