/**
 * Turns work that reports its parts into a stream of them. The work begins at once and does not wait for its
 * reader: its parts are as bounded as its answer.
 */
export async function* streamOf<Part>(
  work: (onPart: (part: Part) => void) => Promise<void>,
): AsyncGenerator<Part, void, undefined> {
  const parts: Part[] = []
  let wake = (): void => undefined
  let isOver = false
  const done = work((part) => {
    parts.push(part)
    wake()
  }).finally(() => {
    isOver = true
    wake()
  })
  // Its failure is thrown where the stream is read.
  done.catch(() => undefined)
  for (;;) {
    const part = parts.shift()
    if (part !== undefined) {
      yield part
      continue
    }
    if (isOver) break
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  await done
}
