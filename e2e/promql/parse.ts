import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** A node of an expression, by the names of Prometheus' own grammar. */
export interface PromqlNode {
  name: string;
  text: string;
  children: PromqlNode[];
}

/**
 * Parses an expression with the grammar of Prometheus' own user interface.
 *
 * @throws Error with the expression and the place that cannot be parsed.
 */
export function parsePromql(expression: string): PromqlNode {
  const convert = ({ name, from, to, type, node }: SyntaxNode): PromqlNode => {
    if (type.isError) {
      throw new Error(`Not an expression at character ${from}: ${expression}`);
    }
    const children: PromqlNode[] = [];
    for (let child = node.firstChild; child; child = child.nextSibling) {
      children.push(convert(child));
    }
    return { name, text: expression.slice(from, to), children };
  };
  const [root] = convert(parser.parse(expression).topNode).children;
  if (!root) {
    throw new Error(`Not an expression: ${expression}`);
  }
  return root;
}

/** The names of all metrics in an expression. */
export function listMetricNames(node: PromqlNode): string[] {
  const own = node.name === 'VectorSelector' ? [node.children[0]?.text ?? ''] : [];
  return [...own, ...node.children.flatMap(listMetricNames)];
}
