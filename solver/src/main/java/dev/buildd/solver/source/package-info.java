/** Where builds begin: images, git repositories, web servers, directories of clients. */
@NullMarked
package dev.buildd.solver.source;

import org.jspecify.annotations.NullMarked;
