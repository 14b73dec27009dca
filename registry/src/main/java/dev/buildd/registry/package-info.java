/** The client of image registries (OCI distribution-spec). */
@NullMarked
package dev.buildd.registry;

import org.jspecify.annotations.NullMarked;
