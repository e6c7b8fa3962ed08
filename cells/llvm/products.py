"""Matrix products c = a b and c += a b, for matrices that a core's cache holds.

A tile of c, some rows by some vectors, stays in registers while k passes by. W is copied into panels first, once for
all steps (`pack_rows`, `pack_columns`): a panel has as many columns as a tile, and its numbers lie in the order in
which the tiles read them. Panel j of W [k, n] starts at W's first number plus k times its first column; the last
panel's columns are filled up to whole vectors with zeros.

They are functions of a module of their own, since all cells share them:

    multiply(a, lda, b, k, a2, lda2, b2, k2, c, ldc, m, n, add)    c = a b + a2 b2, with b and b2 in panels
    multiply_transposed(a, lda, b, ldb, k, c, ldc, m, n, add)      c = a' b, with a stored as [k, m]
    pack_rows(source, target, k, n)                                panels of [k, n]
    pack_columns(source, target, k, n)                             panels of the transpose of [n, k]
    transpose(source, lds, target, ldt, m, n)                      target [n, m] = the transpose of source [m, n]

With `add` other than 0 they add to c. lda .. ldt are the distances of two rows. Of a product with k = 0 no address is
read.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from llvmlite import ir

from cells.llvm.target import Tile
from cells.llvm.vector import Precision, Vec
from cells.llvm.writer import WORD, Int, Writer

ARGUMENTS = {
    **{"multiply": 13, "multiply_transposed": 10},
    **{"pack_rows": 4, "pack_columns": 4, "transpose": 6},
}
"""The functions, and how many 64-bit integers each takes."""


def symbol(name: str, precision: Precision) -> str:
    """The name of one of the functions in object code."""
    return f"cells_{name}_{precision.name}"


def symbols(precision: Precision) -> list[str]:
    """The names of all functions in object code."""
    return [symbol(name, precision) for name in ARGUMENTS]


class Products:
    """The functions, for calls from other functions."""

    def __init__(self, precision: Precision, tile: Tile) -> None:
        self.precision, self.lanes = precision, tile.width // precision.size

    def call(self, w: Writer, name: str, *arguments: Int) -> None:
        """Call the function of this name."""
        kind = ir.FunctionType(ir.VoidType(), [WORD] * ARGUMENTS[name])
        w.call(w.external(symbol(name, self.precision), kind), *arguments)

    def padded(self, w: Writer, n: ir.Value) -> ir.Value:
        """The columns of all panels of a matrix with n columns."""
        return w.b.and_(w.add(n, self.lanes - 1), w.number(-self.lanes))


def write(module: ir.Module, precision: Precision, tile: Tile) -> None:
    """Add the functions to a module."""
    of_tile = precision.of_width(tile.width)
    transpose = _transpose(module, of_tile)
    _pack_rows(module, of_tile, tile)
    _pack_columns(module, of_tile, tile, transpose)
    _multiply(module, of_tile, tile)
    _multiply_transposed(module, of_tile, tile)


def _function(module: ir.Module, name: str, precision: Precision) -> Writer:
    return Writer(module, symbol(name, precision), precision, ARGUMENTS[name])


# products


class _Term(NamedTuple):
    """One product a b of a tile's rows and columns, a and b being the addresses of its first numbers.

    Attributes:
        row: the distance of two rows of a.
        column: the distance of two columns of a.
        ldb: the distance of two rows of b.
        k: the columns of a.
    """

    a: ir.Value
    row: ir.Value
    column: ir.Value
    b: ir.Value
    ldb: ir.Value
    k: ir.Value


def _multiply(module: ir.Module, precision: Precision, tile: Tile) -> None:
    w = _function(module, "multiply", precision)
    a, lda, b, k, a2, lda2, b2, k2, c, ldc, m, n, add = w.arguments

    def terms(i: ir.Value, j: ir.Value, columns: int) -> list[_Term]:
        one, ldb = w.number(1), w.number(columns)
        return [
            _Term(w.at(a, i, lda), lda, one, w.at(b, j, k), ldb, k),
            _Term(w.at(a2, i, lda2), lda2, one, w.at(b2, j, k2), ldb, k2),
        ]

    _tiles(w, tile, terms, (c, ldc, m, n, add), packed=True)
    w.done()


def _multiply_transposed(module: ir.Module, precision: Precision, tile: Tile) -> None:
    w = _function(module, "multiply_transposed", precision)
    a, lda, b, ldb, k, c, ldc, m, n, add = w.arguments

    def terms(i: ir.Value, j: ir.Value, columns: int) -> list[_Term]:
        return [_Term(w.at(a, i), w.number(1), lda, w.at(b, j), ldb, k)]

    _tiles(w, tile, terms, (c, ldc, m, n, add), packed=False)
    w.done()


def _tiles(
    w: Writer,
    tile: Tile,
    terms: Callable[[ir.Value, ir.Value, int], list[_Term]],
    result: Sequence[ir.Value],
    packed: bool,
) -> None:
    """All tiles of c, panel by panel; `terms` gives a tile's, by its first row, first column and columns in b."""
    c, ldc, m, n, add = result
    adds, lanes = w.given(add), w.p.lanes

    def rows(j: ir.Value, vectors: int, mask: ir.Value | None) -> None:
        done: Int = 0
        for count in _heights(tile.rows):
            end = w.add(done, w.mul(w.b.sdiv(w.sub(m, done), w.number(count)), count))
            with w.loop(done, end, by=count) as i:
                sums = _sums(w, terms(i, j, vectors * lanes), count, vectors, None if packed else mask)
                _store(w, sums, w.at(w.at(c, i, ldc), j), ldc, mask, adds)
            done = end

    panel = tile.vectors * lanes
    whole = w.mul(w.b.sdiv(n, w.number(panel)), panel)
    with w.loop(0, whole, by=panel) as j:
        rows(j, tile.vectors, None)
    rest = w.sub(n, whole)
    for vectors in range(1, tile.vectors + 1):
        fits = w.b.and_(w.less((vectors - 1) * lanes, rest), w.less(rest, vectors * lanes + 1))
        with w.when(fits):
            rows(whole, vectors, w.first_lanes(w.sub(rest, (vectors - 1) * lanes)))


def _heights(rows: int) -> list[int]:
    """The numbers of rows of tiles: as many as registers hold, then powers of two for the rest."""
    return [rows, *(power for power in (8, 4, 2, 1) if power < rows)]


def _sums(w: Writer, terms: Sequence[_Term], rows: int, vectors: int, mask: ir.Value | None) -> list[list[Vec]]:
    """The numbers of a tile; the mask is for the last vector of b."""
    zeros = [[w.e.const(0.0)] * vectors] * rows
    if len(terms) == 1:
        return _accumulate(w, terms[0], zeros, mask)
    first, second = terms
    with w.carrying(0, 2, zeros) as (which, sums, go_on):  # one loop over k in the code, not two
        term = _Term(*(w.select(w.less(which, 1), *pair) for pair in zip(first, second, strict=True)))
        go_on(_accumulate(w, term, sums, mask))
    return sums


def _accumulate(w: Writer, term: _Term, sums: list[list[Vec]], mask: ir.Value | None) -> list[list[Vec]]:
    """The sums of a tile, and a b added to them."""
    last = len(sums[0]) - 1
    of_rows = [w.at(term.a, r, term.row) for r in range(len(sums))]
    with w.carrying(0, term.k, sums) as (k, running, go_on):
        at_b = w.at(term.b, k, term.ldb)
        of_b = [w.load(at_b, v * w.p.lanes, mask if v == last else None) for v in range(last + 1)]
        of_a = [w.everywhere(w.at(row, k, term.column)) for row in of_rows]
        go_on([[one + x * b for one, b in zip(row, of_b, strict=True)] for x, row in zip(of_a, running, strict=True)])
    return running


def _store(w: Writer, sums: list[list[Vec]], c: ir.Value, ldc: ir.Value, mask: ir.Value | None, adds: ir.Value) -> None:
    """Store a tile at c, or add it to what is there; the mask is for the last vector."""
    for r, row in enumerate(sums):
        at_row = w.at(c, r, ldc)
        for v, one in enumerate(row):
            own = mask if v == len(row) - 1 else None
            old = w.b.select(adds, w.load(at_row, v * w.p.lanes, own).v, w.e.const(0.0).v)
            w.store(one + Vec(w.e, old), at_row, v * w.p.lanes, own)


# copies


def _pack_rows(module: ir.Module, precision: Precision, tile: Tile) -> None:
    w = _function(module, "pack_rows", precision)
    source, target, k, n = w.arguments
    lanes, panel = w.p.lanes, tile.vectors * w.p.lanes
    with w.loop(0, n, by=panel) as j:
        own = w.minimum(w.sub(n, j), panel)  # columns
        padded = w.b.and_(w.add(own, lanes - 1), w.number(-lanes))
        at_panel = w.at(target, j, k)
        with w.loop(0, k) as i:
            at_source, at_target = w.at(w.at(source, i, n), j), w.at(at_panel, i, padded)
            with w.loop(0, padded, by=lanes) as column:
                mask = w.first_lanes(w.sub(own, column))
                w.store(w.load(at_source, column, mask), at_target, column)
    w.done()


def _pack_columns(module: ir.Module, precision: Precision, tile: Tile, transpose: ir.Function) -> None:
    w = _function(module, "pack_columns", precision)
    source, target, k, n = w.arguments
    lanes, panel = w.p.lanes, tile.vectors * w.p.lanes
    zero = w.e.const(0.0)
    with w.loop(0, n, by=panel) as j:
        own = w.minimum(w.sub(n, j), panel)
        padded = w.b.and_(w.add(own, lanes - 1), w.number(-lanes))
        at_panel = w.at(target, j, k)
        with w.when(w.less(own, padded)), w.loop(0, k) as i:
            w.store(zero, w.at(at_panel, i, padded), w.sub(padded, lanes))
        w.call(transpose, w.at(source, j, k), k, at_panel, padded, own, k)
    w.done()


def _transpose(module: ir.Module, precision: Precision) -> ir.Function:
    w = _function(module, "transpose", precision)
    source, lds, target, ldt, m, n = w.arguments
    lanes = w.p.lanes
    whole_m, whole_n = (w.b.and_(size, w.number(-lanes)) for size in (m, n))
    with w.loop(0, whole_m, by=lanes) as i, w.loop(0, whole_n, by=lanes) as j:
        at_source, at_target = w.at(w.at(source, i, lds), j), w.at(w.at(target, j, ldt), i)
        square = [w.load(w.at(at_source, r, lds), 0) for r in range(lanes)]
        for r, column in enumerate(_transposed(w, square)):
            w.store(column, w.at(at_target, r, ldt), 0)

    def one_by_one(i: ir.Value, first: Int) -> None:
        with w.loop(first, n) as j:
            w.copy(w.at(w.at(source, i, lds), j), w.at(w.at(target, j, ldt), i))

    with w.loop(0, whole_m) as i:
        one_by_one(i, whole_n)
    with w.loop(whole_m, m) as i:
        one_by_one(i, 0)
    return w.done()


def _transposed(w: Writer, square: list[Vec]) -> list[Vec]:
    """The transpose of as many vectors as they have lanes: blocks off the diagonal change places, at every size."""
    lanes, rows = len(square), [row.v for row in square]
    distance = 1
    while distance < lanes:
        low = [lane if not lane & distance else lanes + lane - distance for lane in range(lanes)]
        high = [lane + distance if not lane & distance else lanes + lane for lane in range(lanes)]
        for r in range(lanes):
            if not r & distance:
                pair = rows[r], rows[r + distance]
                rows[r], rows[r + distance] = w.shuffled(*pair, low), w.shuffled(*pair, high)
        distance *= 2
    return [Vec(w.e, row) for row in rows]
