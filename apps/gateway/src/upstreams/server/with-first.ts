/** Yields what arrived first, then the others, and translates their errors. */
export async function* withFirst<T>(
  first: T,
  others: AsyncIterable<T>,
  errorOf: (error: unknown) => Error,
): AsyncGenerator<T, void, undefined> {
  try {
    yield first
    yield* others
  } catch (error) {
    throw errorOf(error)
  }
}
