/** A function from a value to its position in pixels. */
export type Scale = (value: number) => number

type Range = readonly [from: number, to: number]

/** Creates a logarithmic scale from a range of positive numbers to pixels. */
export function logScale(values: Range, pixels: Range): Scale {
  const linear = linearScale([Math.log(values[0]), Math.log(values[1])], pixels)
  return (value) => linear(Math.log(value))
}

export function linearScale(values: Range, pixels: Range): Scale {
  const perUnit = (pixels[1] - pixels[0]) / (values[1] - values[0])
  return (value) => pixels[0] + (value - values[0]) * perUnit
}

/** Returns the powers of ten from the one at or below the smallest value to the one at or above the largest. */
export function decades(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))))
  return Array.from({ length: last - first + 1 }, (_, step) => 10 ** (first + step))
}
