/** What both ends of the project need to speak HTTP: clients, TLS, tokens of registries. */
@NullMarked
package dev.buildd.base.http;

import org.jspecify.annotations.NullMarked;
