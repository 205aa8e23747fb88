import type { SyntaxNode } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'

/** Metric of an expression, with the labels that the expression relies on. */
export interface UsedMetric {
  readonly metric: string
  readonly labels: readonly string[]
}

/**
 * Lists the metrics and labels of a PromQL expression. Labels of `by` count for every metric below them.
 *
 * @throws Error for a text that is no PromQL
 */
export function usedMetrics(expression: string): UsedMetric[] {
  const textOf = ({ from, to }: SyntaxNode): string => expression.slice(from, to)
  const named = (node: SyntaxNode, name: string): SyntaxNode[] => {
    const found: SyntaxNode[] = []
    node.cursor().iterate((inner) => {
      if (inner.name === name) found.push(inner.node)
    })
    return found
  }
  const { topNode } = parser.parse(expression)
  if (named(topNode, '⚠').length > 0) throw new Error(`no PromQL: ${expression}`)
  return named(topNode, 'VectorSelector').map((selector) => {
    const grouping: string[] = []
    for (let node = selector.parent; node !== null; node = node.parent) {
      const modifier = node.name === 'AggregateExpr' ? node.getChild('AggregateModifier') : null
      if (modifier !== null) grouping.push(...named(modifier, 'LabelName').map(textOf))
    }
    const matched = named(selector, 'LabelName').map(textOf)
    return { metric: textOf(selector.getChild('Identifier')!), labels: [...matched, ...grouping] }
  })
}
