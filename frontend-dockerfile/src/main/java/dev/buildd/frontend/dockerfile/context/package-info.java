/** Where a build's files come from: the Dockerfile, the context, named contexts (section 5). */
@NullMarked
package dev.buildd.frontend.dockerfile.context;

import org.jspecify.annotations.NullMarked;
