/**
 * Turns work that reports its parts into a stream of them. The work begins at once and does not wait for its
 * reader: its parts are as bounded as its answer.
 */
export async function* streamOf<Part>(
  work: (onPart: (part: Part) => void) => Promise<void>,
): AsyncGenerator<Part, void, undefined> {
  const state = { parts: [] as Part[], isOver: false, wake: (): void => undefined }
  const done = work((part) => {
    state.parts.push(part)
    state.wake()
  }).finally(() => {
    state.isOver = true
    state.wake()
  })
  // Its failure is thrown where the stream is read.
  done.catch(() => undefined)
  for (;;) {
    yield* state.parts.splice(0)
    if (state.isOver && state.parts.length === 0) break
    if (state.parts.length > 0) continue
    await new Promise<void>((resolve) => {
      state.wake = resolve
    })
  }
  await done
}
