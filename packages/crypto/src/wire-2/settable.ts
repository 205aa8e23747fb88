/**
 * A type whose members its creator sets. They are data, not getters: V8 gives each object with a getter of its own a
 * hidden class of its own, which takes microseconds, and which keeps all that the getter reaches in memory until the
 * next major garbage collection.
 */
export type Settable<T> = { -readonly [Member in keyof T]: T[Member] }
