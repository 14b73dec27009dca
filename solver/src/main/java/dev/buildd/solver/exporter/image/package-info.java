/** Results as images: to registries and as archives. */
@org.jspecify.annotations.NullMarked
package dev.buildd.solver.exporter.image;
