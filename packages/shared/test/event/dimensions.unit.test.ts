import { expect, test } from 'vitest';
import {
  type Filters,
  isDimension,
  listFilters,
  pickFilters,
  toField,
  toPropertyDimension,
} from '../../src/event/dimensions.ts';

test.each([
  ['path', true, 'path'],
  ['referrer_host', true, 'referrer_host'],
  ['property:plan', true, 'properties.plan'],
  ['property:', false, 'properties.'],
  ['property:a.b', false, 'properties.a.b'],
  ['user_id', false, 'user_id'],
  ['toString', false, 'toString'],
])('%s is a dimension: %s', (name, expected, field) => {
  expect([isDimension(name), toField(name)]).toEqual([expected, field]);
});

test('a property that has the name of a field is another dimension', () => {
  expect(toPropertyDimension('path')).toBe('property:path');
  expect(toField(toPropertyDimension('path'))).toBe('properties.path');
});

test('filters are listed in the order of the table, and picked from other parameters', () => {
  const parameters = { site_id: 'a', referrer_host: 'a.example', path_prefix: '/blog', path: '/blog/1' };

  expect(listFilters(parameters)).toEqual([
    { dimension: 'path', value: '/blog/1', isPrefix: false },
    { dimension: 'path', value: '/blog', isPrefix: true },
    { dimension: 'referrer_host', value: 'a.example', isPrefix: false },
  ]);
  const { site_id: _, ...filters } = parameters;
  expect(pickFilters(parameters as Filters)).toEqual(filters);
});
