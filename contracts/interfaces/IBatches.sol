// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId, JobTerms, Seat} from "../types/JobTypes.sol";

/// @title Many items under one root, and proofs of what came of them
/// @notice A batch is cut into slices; each slice is an ordinary job of one seat, of which money, audit and refund are the
/// board's business. A slice is named by the digest of its job's spec, which says root, range and code, and not by a JobId: a job
/// that expired, or whose worker was slashed, is posted again, and the batch need not be told. What is kept here is one digest
/// per lane of a requester, and one bit per proven item. Nothing here holds or moves money.
///
/// INVARIANT: of the result of a slice one leaf, and no other, can be shown for an item: its name and its place both follow
/// from the item's index.
///
/// A proof says that an item was done. That there is none says nothing: a requester who uses the lane of the batch, or of the
/// job, again ends what can be proven of it, and who needs a proof shows it before.
interface IBatches {
    /// @notice Items of a batch that lie beside one another, in the order of the slices.
    struct Slice {
        bytes32 specDigest; // of the jobs that may do it
        uint16 items; // the slices before it say at which item it begins
    }

    /// @notice What its opener has announced. Whoever needs it passes it back, as BatchOpened has shown it.
    struct Batch {
        address requester;
        uint256 lane;
        bytes32 root; // over the leaves of all items, in order
        Slice[] slices;
    }

    /// @notice What a worker's commitment binds, but for the result, which the proof gives.
    struct Opening {
        bytes32 salt;
        bytes32 receiptDigest;
        bytes32 traceRoot; // of the audit tier
        uint16 done; // of the audit tier: its segments; 0 in all others
    }

    /// @notice What came of an item: a leaf of its slice's result.
    struct Output {
        uint64 size; // of the packed output, in bytes
        bytes32 digest; // BLAKE3 of it; keyed, where the job is private
    }

    /// @notice Items that lie beside one another in one slice, and what leads from their outputs to the result.
    struct Proof {
        uint16 slice; // counted from 0
        uint16 first; // item of the batch, counted from 0
        Output[] outputs; // of `first` and those behind it
        bytes32[] nodes; // on the way up, from below; the left one first
    }

    /// @notice `batch` names it in proofs. Later batches of the same lane take its place; what is proven by then stays proven.
    /// @param count of all items
    event BatchOpened(
        bytes32 indexed batch, address indexed requester, uint256 lane, bytes32 root, uint256 count, Slice[] slices
    );

    event ItemProven(bytes32 indexed batch, uint256 indexed index, uint64 size, bytes32 digest);

    error BatchUnknown(bytes32 batch);
    error ItemCountOutOfRange(uint256 count, uint256 most);
    error SliceEmpty(uint256 slice);
    /// @notice The job is not one of this slice, or the items are not all of it.
    error WrongSlice(bytes32 batch, uint256 slice, uint256 first);
    /// @notice The job has not ended, or its worker was not found to have earned its price.
    error SliceUnpaid(JobId id);
    /// @notice Outputs, nodes and opening do not lead to what the worker has committed to.
    error LeafMismatch(JobId id, uint256 first);
    /// @notice An output without a byte stands for an item that was not done; and whatever is there for one behind the segments that
    /// an audited worker has opened was neither paid nor audited.
    error ItemUndone(bytes32 batch, uint256 index);
    /// @notice Every one of the items was proven before.
    error ItemsAlreadyProven(bytes32 batch, uint256 first);

    function BOARD() external view returns (address);

    /// @notice Zero: the network has no audit tier.
    function AUDIT() external view returns (address);

    /// @notice 10,000.
    function MOST() external view returns (uint256);

    /// @notice The requester, before he posts the jobs or after.
    /// @param lane of his own choice, apart from the board's; a lane used before is cheaper than a new one, and ends the proofs of
    /// its last batch
    /// @dev reverts ItemCountOutOfRange, SliceEmpty
    function open(uint256 lane, bytes32 root, Slice[] calldata slices) external returns (bytes32 batch);

    /// @notice Anyone: the worker of this job has committed to these outputs, and has earned his price. Items that are proven already
    /// are passed over; the first proof stands. Possible until the job's lane, or the batch's, is used again.
    /// @param held the job's seats as IJobBoard says; the first one is needed
    /// @dev reverts ItemsAlreadyProven, and as `check`
    function prove(
        Batch calldata batch,
        JobTerms calldata terms,
        Seat[] calldata held,
        Opening calldata opening,
        Proof calldata proof
    ) external;

    /// @notice As `prove`, for contracts that want to know and need nothing remembered.
    /// @return id of the batch
    /// @dev reverts BatchUnknown, WrongSlice, ItemUndone, SliceUnpaid, LeafMismatch, IJobBoard.UnknownJob, IJobBoard.WrongSeats
    function check(
        Batch calldata batch,
        JobTerms calldata terms,
        Seat[] calldata held,
        Opening calldata opening,
        Proof calldata proof
    ) external view returns (bytes32 id);

    /// @notice How batches are named: the same items, cut and ordered alike, are the same batch in every lane.
    function idOf(Batch calldata batch) external pure returns (bytes32);

    function isProven(bytes32 batch, uint256 index) external view returns (bool);

    /// @notice The batch that the lane holds now; zero: none.
    function batchOf(address requester, uint256 lane) external view returns (bytes32);

    /// @notice Whether the arguments with this BLAKE3 digest are item `index` of the `count` ones under `root`.
    /// @param nodes on the way up, from below
    function isItem(bytes32 root, uint256 count, uint256 index, bytes32 digest, bytes32[] calldata nodes)
        external
        pure
        returns (bool);
}
