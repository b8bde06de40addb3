// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBatches} from "../interfaces/IBatches.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {planOf} from "../types/AuditPlan.sol";
import {CONFIRMED} from "../types/AuditWord.sol";
import {MOST_ITEMS, itemLeaf, outputLeaf, rangeRoot} from "../types/BatchHash.sol";
import {ExitClass, Fault, JobId, JobState, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";
import {ask, behind, rawSeats} from "../types/RawCalls.sol";
import {auditRoot, isUnder, resultOf} from "../types/TraceHash.sol";

/// @title Batches, as IBatches says
contract Batches is IBatches {
    /// @inheritdoc IBatches
    address public immutable BOARD;
    /// @inheritdoc IBatches
    address public immutable AUDIT;
    /// @inheritdoc IBatches
    uint256 public constant MOST = MOST_ITEMS;

    mapping(address requester => mapping(uint256 lane => bytes32 id)) private _batches;
    mapping(bytes32 batch => mapping(uint256 word => uint256)) private _proven;

    constructor(address board, address audit) {
        (BOARD, AUDIT) = (board, audit);
    }

    /// @inheritdoc IBatches
    function open(uint256 lane, bytes32 root, Slice[] calldata slices) external returns (bytes32 id) {
        uint256 count;
        for (uint256 i = 0; i < slices.length; ++i) {
            require(slices[i].items > 0, SliceEmpty(i));
            count += slices[i].items;
        }
        require(count > 0 && count <= MOST, ItemCountOutOfRange(count, MOST));
        id = _idOf(msg.sender, root, slices);
        _batches[msg.sender][lane] = id;
        emit BatchOpened(id, msg.sender, lane, root, count, slices);
    }

    /// @inheritdoc IBatches
    function prove(
        Batch calldata batch,
        JobTerms calldata terms,
        Seat[] calldata held,
        Opening calldata opening,
        Proof calldata proof
    ) external {
        bytes32 id = check(batch, terms, held, opening, proof);
        bool anew = false;
        for (uint256 i = 0; i < proof.outputs.length; ++i) {
            uint256 index = uint256(proof.first) + i;
            uint256 bits = _proven[id][index >> 8];
            // INVARIANT: who shows one of several items first keeps none of the others from being shown.
            if (bits >> (index & 255) & 1 != 0) continue;
            anew = true;
            _proven[id][index >> 8] = bits | 1 << (index & 255);
            emit ItemProven(id, index, proof.outputs[i].size, proof.outputs[i].digest);
        }
        require(anew, ItemsAlreadyProven(id, proof.first));
    }

    /// @inheritdoc IBatches
    function check(
        Batch calldata batch,
        JobTerms calldata terms,
        Seat[] calldata held,
        Opening calldata opening,
        Proof calldata proof
    ) public view returns (bytes32 id) {
        id = _idOf(batch.requester, batch.root, batch.slices);
        require(_batches[batch.requester][batch.lane] == id, BatchUnknown(id));
        (uint256 from, uint256 items) = _placeIn(id, batch, terms, proof);
        if (opening.done != 0) _requireDone(id, terms, opening.done, from, proof);
        (JobId job, JobWord word) = _look(terms, held);
        require(_isEarned(terms, job, word, held), SliceUnpaid(job));

        bytes32 merkle = _merkleRoot(id, proof, from, items);
        // INVARIANT: a worker who has committed to no root at all has committed to no output.
        require(merkle != 0, LeafMismatch(job, proof.first));
        bytes32 result = resultOf(job, ExitClass.Ok, merkle);
        if (opening.done != 0) result = auditRoot(job, result, opening.traceRoot, opening.done);
        bytes32 shown = keccak256(abi.encode(result));
        bytes32 seal = keccak256(abi.encode(job, held[0].worker, opening.salt, shown, opening.receiptDigest));
        require(seal == held[0].commitment, LeafMismatch(job, proof.first));
    }

    /// @inheritdoc IBatches
    function idOf(Batch calldata batch) external pure returns (bytes32) {
        return _idOf(batch.requester, batch.root, batch.slices);
    }

    /// @inheritdoc IBatches
    function isProven(bytes32 batch, uint256 index) external view returns (bool) {
        return _proven[batch][index >> 8] >> (index & 255) & 1 != 0;
    }

    /// @inheritdoc IBatches
    function batchOf(address requester, uint256 lane) external view returns (bytes32) {
        return _batches[requester][lane];
    }

    /// @inheritdoc IBatches
    function isItem(bytes32 root, uint256 count, uint256 index, bytes32 digest, bytes32[] calldata nodes)
        external
        pure
        returns (bool)
    {
        // Beyond that an index would be cut, and another item's leaf be taken for it.
        if (index >= count || count > MOST) return false;
        return isUnder(root, itemLeaf(index, digest), index + 1, count, nodes);
    }

    // ---- within

    function _idOf(address requester, bytes32 root, Slice[] calldata slices) private pure returns (bytes32) {
        // As abi.encode would put it, with the slices copied as they lie: what is opened has been read, word by word.
        return keccak256(abi.encodePacked(uint256(uint160(requester)), root, uint256(96), slices.length, _raw(slices)));
    }

    function _raw(Slice[] calldata slices) private pure returns (bytes calldata raw) {
        assembly ("memory-safe") {
            raw.offset := slices.offset
            raw.length := mul(slices.length, 64)
        }
    }

    /// @dev Where the proof's items begin in its slice, and how many that has; the job of the terms is one of that slice.
    function _placeIn(bytes32 id, Batch calldata batch, JobTerms calldata terms, Proof calldata proof)
        private
        pure
        returns (uint256 from, uint256 items)
    {
        (uint256 at, uint256 first) = (proof.slice, proof.first);
        require(at < batch.slices.length && proof.outputs.length > 0, WrongSlice(id, at, first));
        uint256 begin;
        for (uint256 i = 0; i < at; ++i) {
            begin += batch.slices[i].items;
        }
        items = batch.slices[at].items;
        bool own = terms.requester == batch.requester && terms.specDigest == batch.slices[at].specDigest;
        bool within = first >= begin && first + proof.outputs.length <= begin + items;
        require(own && within, WrongSlice(id, at, first));
        from = first - begin;
    }

    /// @dev An audit draws among the segments that were done, and only those are paid: what the result holds for items behind them is
    /// nothing that anybody has looked at. An end by a limit, of which one segment less counts, has no outputs to show.
    function _requireDone(bytes32 id, JobTerms calldata terms, uint256 done, uint256 from, Proof calldata proof)
        private
        pure
    {
        uint256 end = done * planOf(terms.verifierParams).steps;
        uint256 shown = from + proof.outputs.length;
        require(shown <= end, ItemUndone(id, proof.first + (end > from ? end - from : 0)));
    }

    function _merkleRoot(bytes32 id, Proof calldata proof, uint256 from, uint256 items)
        private
        pure
        returns (bytes32)
    {
        bytes32[] memory leaves = new bytes32[](proof.outputs.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            (uint256 index, Output calldata output) = (proof.first + i, proof.outputs[i]);
            require(output.size > 0, ItemUndone(id, index));
            leaves[i] = outputLeaf(index, output.size, output.digest);
        }
        return rangeRoot(leaves, from, items, proof.nodes);
    }

    /// @dev The job as the board knows it, of one seat; others may follow, of auditors.
    function _look(JobTerms calldata terms, Seat[] calldata held) private view returns (JobId id, JobWord job) {
        bytes memory rest = abi.encodePacked(behind(1), held.length, rawSeats(held));
        (id, job) = abi.decode(ask(BOARD, IJobBoard.look.selector, terms, rest), (JobId, JobWord));
        bool one = terms.workers == 1 && held.length > 0 && held[0].worker != address(0);
        require(one, IJobBoard.WrongSeats(id, 1));
    }

    /// @dev Whether nothing speaks against the result any more. Silence is consent where the tier says so; where it was broken, the
    /// jury must have found for the worker; an audit must have confirmed all that was drawn. Asked as of now: a finding that came
    /// too late for the board still counts here.
    function _isEarned(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        private
        view
        returns (bool)
    {
        if (job.state() != JobState.Settled) return false;
        if (job.isSilent()) return !job.isContested() || _isUpheld(terms, id, job, held);
        if (terms.verifier != AUDIT) return false;
        IAuditVerifier.Audit memory audit = IAuditVerifier(AUDIT).auditOf(terms.requester, terms.nonce);
        if (audit.clean) return true;
        return audit.reaudit && audit.lastSeat > 1 && audit.answers[audit.lastSeat - 2] == CONFIRMED;
    }

    /// @dev Of a job that was rejected: what its verifier says of it today.
    function _isUpheld(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        private
        view
        returns (bool)
    {
        JobWord before = job.withState(JobState.Committed);
        (bool done, Ruling[] memory rulings) = IVerifier(terms.verifier).verdict(terms, id, before, held);
        if (!done || rulings.length == 0) return false;
        return rulings[0].fault == Fault.None && rulings[0].pay == held[0].price;
    }
}
