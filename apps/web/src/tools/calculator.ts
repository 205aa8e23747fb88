import type { PageTool } from './tool.js'

const OPERATIONS: ReadonlyMap<unknown, (a: number, b: number) => number> = new Map([
  ['add', (a: number, b: number) => a + b],
  ['subtract', (a: number, b: number) => a - b],
  ['multiply', (a: number, b: number) => a * b],
  ['divide', (a: number, b: number) => a / b],
])

/** One operation on two numbers; no expression is evaluated. */
export const calculator: PageTool = {
  definition: {
    type: 'function',
    function: {
      name: 'calculator',
      description: 'Adds, subtracts, multiplies or divides two numbers.',
      parameters: {
        type: 'object',
        properties: {
          operation: { type: 'string', enum: [...OPERATIONS.keys()] },
          a: { type: 'number' },
          b: { type: 'number' },
        },
        required: ['operation', 'a', 'b'],
        additionalProperties: false,
      },
    },
  },
  run: ({ operation, a, b }) => {
    const calculate = OPERATIONS.get(operation)
    if (calculate === undefined) return 'Unknown operation.'
    if (typeof a !== 'number' || typeof b !== 'number') return 'a and b must be numbers.'
    const result = calculate(a, b)
    return Number.isFinite(result) ? String(result) : 'The result is not a finite number.'
  },
}
