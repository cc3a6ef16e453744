// Package bench measures Lifeboat against the tools that people use otherwise,
// on the same data, in turns, in one run. Its files have the build tag bench:
// "make bench" runs them, and docs/performance.md says what they print.
package bench
