# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Decoders that turn the bytes of data files into arrays: IDX files, CIFAR-10 batches, number columns of CSV files.

Loops over plain pointers that run without the interpreter lock: typed memoryviews would bring fifty times as much
machine code as these loops have. Nothing here trusts its input: every length is checked before it is used, and malformed
bytes raise `ValueError` with the place where they are wrong.
"""

import sys

import numpy as np

from libc.math cimport isfinite
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memcpy

cdef struct Bytes:
    const unsigned char* at
    Py_ssize_t size


cdef Bytes _view(bytes data):
    """The bytes of an object that the caller keeps alive."""
    return Bytes(<const unsigned char*>data, len(data))


cdef void* _memory(array) except NULL:
    """Where the elements of a C-contiguous NumPy array lie, which the caller keeps alive."""
    return <void*><uintptr_t>array.ctypes.data


# ---- IDX: the file format of MNIST -----------------------------------------------------------------------------------
# Bytes 0, 0, element type, rank; one big-endian uint32 per dimension; then the elements, big-endian, last axis fastest.

_IDX_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_MAX_RANK = 8


def decode_idx(bytes data not None, str name="the data"):
    """Decodes one IDX file.

    Args:
        data: All bytes of the (decompressed) file.
        name: What to call it in errors, usually its path.

    Returns:
        A new NumPy array in native byte order.

    Raises:
        ValueError: if the bytes are no IDX file, or fewer or more than its header announces.
    """
    shape, dtype = _idx_header(data, name)
    cdef Py_ssize_t start = 4 + 4 * len(shape)
    cdef Py_ssize_t item = dtype.itemsize
    count = 1
    for extent in shape:
        count *= extent  # Python integers: the product of eight 32-bit extents cannot overflow
    expected = start + count * item
    if len(data) != expected:
        problem = "is truncated" if len(data) < expected else "has bytes after its last element"
        raise ValueError(f"{name} {problem}: an IDX file of shape {shape} and type {dtype} takes {expected} bytes. "
                         f"Received: {len(data)} bytes.")
    out = np.empty(shape, dtype)
    if count:
        _copy_elements(_view(data).at + start, <unsigned char*>_memory(out), out.nbytes, item)
    return out


cdef tuple _idx_header(bytes data, str name):
    """Checks the first bytes and returns `(shape, dtype)`."""
    if len(data) < 4 or data[0] != 0 or data[1] != 0 or data[2] not in _IDX_TYPES:
        first = data[:4].hex(" ") or "no bytes at all"
        raise ValueError(f"{name} is not an IDX file: it must start with two zero bytes, an element type and a rank. "
                         f"Received: {first}.")
    rank = data[3]
    if not 1 <= rank <= _MAX_RANK:
        raise ValueError(f"{name} is not a usable IDX file: its rank must be 1 to {_MAX_RANK}. Received: rank={rank}.")
    if len(data) < 4 + 4 * rank:
        raise ValueError(f"{name} is truncated: its header takes {4 + 4 * rank} bytes. "
                         f"Received: {len(data)} bytes.")
    shape = tuple([int.from_bytes(data[4 + 4 * axis:8 + 4 * axis], "big") for axis in range(rank)])
    return shape, np.dtype(_IDX_TYPES[data[2]])


cdef void _copy_elements(const unsigned char* source, unsigned char* target, Py_ssize_t size, Py_ssize_t item):
    """Copies `size` bytes of big-endian elements of `item` bytes into native order."""
    cdef Py_ssize_t element, byte
    cdef bint swap = item > 1 and sys.byteorder == "little"
    with nogil:
        if not swap:
            memcpy(target, source, size)
        else:
            for element in range(size // item):
                for byte in range(item):
                    target[element * item + byte] = source[element * item + item - 1 - byte]


# ---- CIFAR-10, binary version ----------------------------------------------------------------------------------------
# One record an image: a label byte, then 32×32 bytes each of red, green and blue.

cdef enum:
    CIFAR_PIXELS = 32 * 32
    CIFAR_RECORD = 1 + 3 * CIFAR_PIXELS
    CIFAR_CLASSES = 10


def decode_cifar(bytes data not None, str name="the data"):
    """Decodes one batch file of CIFAR-10.

    Args:
        data: All bytes of the file.
        name: What to call it in errors, usually its path.

    Returns:
        `(images, labels)`: uint8 arrays of shapes `(n, 32, 32, 3)`, channels last, and `(n,)`.

    Raises:
        ValueError: if the bytes are not whole records, or a label is not 0 to 9.
    """
    cdef Bytes file = _view(data)
    cdef Py_ssize_t count = file.size // CIFAR_RECORD
    if count == 0 or file.size != count * CIFAR_RECORD:
        raise ValueError(f"{name} is truncated or no batch of CIFAR-10: its size must be a multiple of {CIFAR_RECORD} "
                         f"bytes, one label and 3 planes of 32×32 pixels an image. Received: {file.size} bytes.")
    images, labels = np.empty((count, 32, 32, 3), np.uint8), np.empty(count, np.uint8)
    cdef unsigned char* pixels = <unsigned char*>_memory(images)
    cdef unsigned char* classes = <unsigned char*>_memory(labels)
    cdef Py_ssize_t image, bad
    with nogil:
        for image in range(count):
            classes[image] = file.at[image * CIFAR_RECORD]
            _interleave(file.at + image * CIFAR_RECORD + 1, pixels + image * 3 * CIFAR_PIXELS)
    bad = int((labels >= CIFAR_CLASSES).argmax())
    if labels[bad] >= CIFAR_CLASSES:
        raise ValueError(f"{name} is corrupt: the label of image {bad} must be 0 to {CIFAR_CLASSES - 1}. "
                         f"Received: {labels[bad]}.")
    return images, labels


cdef void _interleave(const unsigned char* planes, unsigned char* pixels) noexcept nogil:
    """Three planes become pixels of three bytes."""
    cdef Py_ssize_t place
    for place in range(CIFAR_PIXELS):
        pixels[3 * place] = planes[place]
        pixels[3 * place + 1] = planes[place + CIFAR_PIXELS]
        pixels[3 * place + 2] = planes[place + 2 * CIFAR_PIXELS]


# ---- CSV: columns of numbers -----------------------------------------------------------------------------------------

cdef enum:  # what may be said of a field; never negative
    GOOD
    NOT_A_NUMBER
    NEEDS_CARE        # right in form, but too long for the exact short way
    TOO_FEW_FIELDS
    TOO_MANY_FIELDS
    QUOTE

cdef double[23] POWERS_OF_TEN = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22]


cdef struct Table:
    Py_ssize_t fields      # of a line
    const int64_t* wanted  # the column of each field, or -1
    Py_ssize_t columns
    double* values         # rows × columns


cdef struct Place:
    Py_ssize_t row      # of data, from 0
    Py_ssize_t field    # from 0
    Py_ssize_t begin    # bytes of the field
    Py_ssize_t end


def parse_csv(bytes data not None, columns, str name="the data"):
    """Parses chosen number columns of a CSV file with one header line and without quoted fields.

    Numbers are rounded correctly, as Python's `float` does. An empty field becomes NaN.

    Args:
        data: All bytes of the file; lines end in LF or CR LF.
        columns: Names of the columns wanted, in the order wanted. Other columns may hold any text.
        name: What to call the file in errors, usually its path.

    Returns:
        A float64 array of shape `(rows, len(columns))`.

    Raises:
        ValueError: if a column is missing, a line has too few or too many fields, or a field is not a finite number.
    """
    cdef Bytes file = _view(data)
    cdef Py_ssize_t start = _line_end(file, 0)
    header = data[:start].decode("utf-8", "replace").rstrip("\r").split(",")
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(f"{name} has no column {missing[0]!r}. Received: columns {', '.join(header)[:200]!r}.")
    wanted = np.full(len(header), -1, np.int64)
    for position, column in enumerate(columns):
        wanted[header.index(column)] = position
    out = np.empty((_count_lines(file, start + 1), len(columns)), np.float64)
    _fill(data, start + 1, wanted, out, header, name)
    return out


cdef int _fill(bytes data, Py_ssize_t start, wanted, out, list header, str name) except -1:
    """Parses all lines into `out`."""
    cdef Bytes file = _view(data)
    cdef Table table = Table(len(wanted), <const int64_t*>_memory(wanted), out.shape[1], <double*>_memory(out))
    cdef Place place = Place(0, 0, start, start)
    cdef int verdict
    with nogil:
        verdict = _parse(file, table, &place)
    if verdict != GOOD:
        raise ValueError(_complaint(data, place, verdict, header, name))
    return GOOD


cdef str _complaint(bytes data, Place place, int verdict, list header, str name):
    """The sentence for what is wrong at `place`."""
    where = f"{name}, line {place.row + 2}"
    if verdict == TOO_FEW_FIELDS or verdict == TOO_MANY_FIELDS:
        amount = "fewer" if verdict == TOO_FEW_FIELDS else "more"
        return f"{where}: the line has {amount} fields than the header, which names {len(header)}."
    if verdict == QUOTE:
        return f"{where}: quoted fields are not supported."
    text = data[place.begin:min(place.end, place.begin + 40)].decode("utf-8", "replace")
    return f"{where}, column {header[place.field]!r}: the field is not a finite number. Received: {text!r}."


cdef Py_ssize_t _line_end(Bytes file, Py_ssize_t position) noexcept nogil:
    """The index of the next LF, or the size of the data."""
    while position < file.size and file.at[position] != b"\n":
        position += 1
    return position


cdef Py_ssize_t _count_lines(Bytes file, Py_ssize_t start) noexcept nogil:
    """How many lines begin at or after `start`; the last one may lack its LF."""
    cdef Py_ssize_t lines = 0
    while start < file.size:
        start = _line_end(file, start) + 1
        lines += 1
    return lines


cdef int _parse(Bytes file, Table table, Place* place) except -1 nogil:
    """Parses field after field to the end of the data, or to the first bad one, where `place` then points."""
    cdef Py_ssize_t size = file.size, end
    cdef double* value
    cdef int verdict
    while place.begin < size or place.field > 0:  # behind the last comma of the data there is one more, empty field
        end = place.begin
        while end < size and file.at[end] != b"," and file.at[end] != b"\n":
            if file.at[end] == b'"':
                return QUOTE
            end += 1
        if place.field >= table.fields:
            return TOO_MANY_FIELDS
        if table.wanted[place.field] >= 0:
            value = table.values + place.row * table.columns + table.wanted[place.field]
            place.end = end - 1 if end > place.begin and file.at[end - 1] == b"\r" else end
            verdict = _number(file, place.begin, place.end, value)
            if verdict == NEEDS_CARE:
                verdict = _careful_number(file, place.begin, place.end, value)
            if verdict != GOOD:
                return verdict
        place.field += 1
        place.begin = end + 1
        if end == size or file.at[end] == b"\n":
            if place.field < table.fields:
                return TOO_FEW_FIELDS
            place.row += 1
            place.field = 0
    return GOOD


cdef int _careful_number(Bytes file, Py_ssize_t begin, Py_ssize_t end,
                         double* value) except -1 with gil:
    """Lets Python round a number of many digits or with a large exponent; its form has been checked."""
    value[0] = float(file.at[begin:end])
    return GOOD if isfinite(value[0]) else NOT_A_NUMBER


cdef inline bint _is_digit(unsigned char byte) noexcept nogil:
    return b"0" <= byte <= b"9"


cdef int _number(Bytes file, Py_ssize_t begin, Py_ssize_t end, double* value) noexcept nogil:
    """Parses `[sign] digits [. digits] [e [sign] digits]`; nothing at all is NaN.

    With at most 15 significant digits and a power of ten up to 22, mantissa and power are exact in float64, so that
    one division or product rounds correctly (W. Clinger, "How to read floating point numbers accurately", 1990).
    """
    cdef Py_ssize_t position = begin, digits = 0, decimals = 0, exponent = 0, power
    cdef double mantissa = 0.0
    cdef double nothing = 0.0
    cdef bint negative = False, negative_exponent = False, long_exponent = False
    if begin == end:
        value[0] = nothing / nothing
        return GOOD
    if file.at[position] == b"-" or file.at[position] == b"+":
        negative = file.at[position] == b"-"
        position += 1
    while position < end and _is_digit(file.at[position]):
        mantissa = mantissa * 10 + (file.at[position] - <int>b"0")
        digits += 1
        position += 1
    if position < end and file.at[position] == b".":
        position += 1
        while position < end and _is_digit(file.at[position]):
            mantissa = mantissa * 10 + (file.at[position] - <int>b"0")
            digits += 1
            decimals += 1
            position += 1
    if digits == 0:
        return NOT_A_NUMBER
    if position < end and (file.at[position] == b"e" or file.at[position] == b"E"):
        position += 1
        if position < end and (file.at[position] == b"-" or file.at[position] == b"+"):
            negative_exponent = file.at[position] == b"-"
            position += 1
        if position == end:
            return NOT_A_NUMBER
        while position < end and _is_digit(file.at[position]):
            long_exponent = long_exponent or exponent > 9999
            exponent = 0 if long_exponent else exponent * 10 + (file.at[position] - <int>b"0")
            position += 1
    if position != end:
        return NOT_A_NUMBER
    power = (-exponent if negative_exponent else exponent) - decimals
    if digits > 15 or long_exponent or power < -22 or power > 22:
        return NEEDS_CARE
    value[0] = mantissa / POWERS_OF_TEN[-power] if power < 0 else mantissa * POWERS_OF_TEN[power]
    if negative:
        value[0] = -value[0]
    return GOOD
