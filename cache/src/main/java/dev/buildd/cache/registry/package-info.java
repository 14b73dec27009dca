/** The client of image registries (OCI distribution-spec). */
@NullMarked
package dev.buildd.cache.registry;

import org.jspecify.annotations.NullMarked;
