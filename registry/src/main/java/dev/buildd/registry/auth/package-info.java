/** Who asks a registry: credentials, and the tokens that they are turned into. */
@NullMarked
package dev.buildd.registry.auth;

import org.jspecify.annotations.NullMarked;
